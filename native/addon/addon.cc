/* SPDX-License-Identifier: Apache-2.0 */
/* Unpacks arguments, calls plain C, throws with a code. src/platform/addon.ts is its contract. */
#include <cstring>
#include <napi.h>
#include <string>
#include <time.h>

#include "memory.h"
#include "peer.h"

namespace
{

void Throw(Napi::Env env, const char *what, int error)
{
        Napi::Error thrown = Napi::Error::New(env, std::string(what) + ": " + std::strerror(error));
        thrown.Set("errno", Napi::Number::New(env, error));
        thrown.ThrowAsJavaScriptException();
}

Napi::Value PeerCredentials(const Napi::CallbackInfo &info)
{
        Napi::Env env = info.Env();
        if (info.Length() != 1 || !info[0].IsNumber()) {
                Napi::TypeError::New(env, "peerCredentials(fd: number)").ThrowAsJavaScriptException();
                return env.Undefined();
        }
        peer found = {};
        int r = peer_credentials(info[0].As<Napi::Number>().Int32Value(), &found);
        if (r < 0) {
                Throw(env, "SO_PEERCRED", -r);
                return env.Undefined();
        }
        Napi::Object result = Napi::Object::New(env);
        result.Set("pid", found.pid);
        result.Set("uid", found.uid);
        result.Set("gid", found.gid);
        return result;
}

Napi::Value SendDatagram(const Napi::CallbackInfo &info)
{
        Napi::Env env = info.Env();
        if (info.Length() != 2 || !info[0].IsString() || !info[1].IsBuffer()) {
                Napi::TypeError::New(env, "sendDatagram(path: string, data: Buffer)")
                        .ThrowAsJavaScriptException();
                return env.Undefined();
        }
        std::string path = info[0].As<Napi::String>();
        auto data = info[1].As<Napi::Buffer<char>>();
        int r = datagram_send(path.c_str(), data.Data(), data.Length());
        if (r < 0)
                Throw(env, ("sending to " + path).c_str(), -r);
        return env.Undefined();
}

Napi::Value BootTime(const Napi::CallbackInfo &info)
{
        struct timespec now = {};

        /* Fails on no Linux that Node runs on: 0 is a moment of no boot that anybody judges. */
        (void) clock_gettime(CLOCK_BOOTTIME, &now);
        return Napi::Number::New(info.Env(), static_cast<double>(now.tv_sec) * 1e3 +
                                                     static_cast<double>(now.tv_nsec / 1000000));
}

Napi::Value MemoryFile(const Napi::CallbackInfo &info)
{
        int fd = memory_file();
        if (fd < 0) {
                Throw(info.Env(), "memfd_create", -fd);
                return info.Env().Undefined();
        }
        return Napi::Number::New(info.Env(), fd);
}

Napi::Object Init(Napi::Env env, Napi::Object exports)
{
        exports.Set("peerCredentials", Napi::Function::New(env, PeerCredentials));
        exports.Set("sendDatagram", Napi::Function::New(env, SendDatagram));
        exports.Set("bootTime", Napi::Function::New(env, BootTime));
        return_large_memory();
        exports.Set("memoryFile", Napi::Function::New(env, MemoryFile));
        return exports;
}

} // namespace

NODE_API_MODULE(iamlogin_native, Init)
