/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
        const char *name;
        int (*run)(const struct options *options);
} commands[] = {
        {"lookup", command_lookup}, {"enumerate", command_enumerate}, {"hold", command_hold},
        {"wait", command_wait},     {"hash", command_hash},           {"ping", command_ping},
        {"echo", command_echo},     {"spawn", command_spawn},         {"paced", command_paced},
};

static const struct option long_options[] = {
        {"service", required_argument, NULL, 's'}, {"op", required_argument, NULL, 'o'},
        {"keys", required_argument, NULL, 'k'},    {"path", required_argument, NULL, 'f'},
        {"name", required_argument, NULL, 'n'},    {"processes", required_argument, NULL, 'p'},
        {"ms", required_argument, NULL, 't'},      {"runs", required_argument, NULL, 'r'},
        {"miss", no_argument, NULL, 'm'},          {"cold", no_argument, NULL, 'c'},
        {"kept", no_argument, NULL, 'e'},          {NULL, 0, NULL, 0},
};

static int usage(void)
{
        fputs("usage: nss-bench lookup|enumerate|hold|wait|hash|ping|echo|spawn|paced [options] [-- "
              "command]\n",
              stderr);
        return 2;
}

static unsigned number(const char *text)
{
        char *end;
        unsigned long value = strtoul(text, &end, 10);
        if (*end != '\0' || value == 0 || value > 10000000) {
                fprintf(stderr, "nss-bench: %s is no number from 1 to 10000000\n", text);
                exit(2);
        }
        return (unsigned) value;
}

int main(int argc, char **argv)
{
        struct options options = {
                .service = "files", .op = "getpwnam", .processes = 1, .milliseconds = 200, .runs = 20};

        if (argc < 2)
                return usage();
        for (int c; (c = getopt_long(argc - 1, argv + 1, "", long_options, NULL)) != -1;)
                switch (c) {
                case 's':
                        options.service = optarg;
                        break;
                case 'o':
                        options.op = optarg;
                        break;
                case 'k':
                        options.keys = optarg;
                        break;
                case 'f':
                        options.path = optarg;
                        break;
                case 'n':
                        options.name = optarg;
                        break;
                case 'p':
                        options.processes = number(optarg);
                        break;
                case 't':
                        options.milliseconds = number(optarg);
                        break;
                case 'r':
                        options.runs = number(optarg);
                        break;
                case 'm':
                        options.miss = true;
                        break;
                case 'c':
                        options.cold = true;
                        break;
                case 'e':
                        options.kept = true;
                        break;
                default:
                        return usage();
                }
        options.command = argv + 1 + optind;

        for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
                if (strcmp(argv[1], commands[i].name) == 0) {
                        int r = commands[i].run(&options);
                        if (r < 0)
                                fprintf(stderr, "nss-bench %s: %s\n", argv[1], strerror(-r));
                        return r < 0 ? 1 : 0;
                }
        return usage();
}
