# node-gyp is not the build system here: native/CMakeLists.txt is, through cmake-js.
{
  "targets": [
    {
      "target_name": "native",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake-js",
          "inputs": ["native/CMakeLists.txt"],
          "outputs": ["build/Release/iamlogin_native.node"],
          "action": ["sh", "scripts/build-native.sh"],
        }
      ],
    }
  ]
}
