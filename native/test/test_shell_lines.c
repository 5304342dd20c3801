/* SPDX-License-Identifier: Apache-2.0 */
/* Our reader of /etc/shells: the shared vectors, and whatever getusershell(3) makes of these and generated
 * texts. */
#include "shell-lines.h"

#include <stdint.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "escapes.h"

enum { GENERATED = 20000 };

/* Each as often as it comes, apart by newlines, which no shell holds. */
static void shells_of(const char *text, size_t length, char list[2 * TEXT_MAX])
{
        char *exact = malloc(length + 1); /* ASan sees a read past its end */
        size_t at = 0, size;
        const char *path;

        CHECK(exact != NULL);
        memcpy(exact, text, length);
        struct shell_lines lines = {exact, exact + length};
        while (shell_lines_next(&lines, &path, &size)) {
                CHECK(at + size + 1 < 2 * TEXT_MAX && size > 1);
                memcpy(list + at, path, size);
                at += size;
                list[at++] = '\n';
        }
        list[at] = '\0';
        free(exact);
}

static void put_file(const char *path, const char *text, size_t length)
{
        FILE *file = fopen(path, "w");

        CHECK(file != NULL && fwrite(text, 1, length, file) == length && fclose(file) == 0);
}

/* In a root of this test's own: getusershell(3) reads /etc/shells there. */
static void compare_with_libc(const char *text, size_t length)
{
        char ours[2 * TEXT_MAX], libcs[2 * TEXT_MAX] = "";

        put_file("/etc/shells", text, length);
        setusershell();
        for (const char *shell; (shell = getusershell()) != NULL;)
                if (strcmp(shell, "/") != 0) {
                        CHECK(strlen(libcs) + strlen(shell) + 2 < sizeof(libcs));
                        strcat(strcat(libcs, shell), "\n");
                }
        endusershell();
        shells_of(text, length, ours);
        if (strcmp(ours, libcs) != 0)
                fprintf(stderr, "of %zu bytes ours:\n%slibc's:\n%s", length, ours, libcs);
        CHECK(strcmp(ours, libcs) == 0);
}

/* Each case of the vectors: the text, and the shells apart by newlines. */
static void for_each_vector(FILE *file, void (*use)(const char *text, size_t length, const char *shells))
{
        char line[2 * TEXT_MAX], text[TEXT_MAX], shells[TEXT_MAX];
        int count = 0;

        rewind(file);
        for (; fgets(line, sizeof(line), file) != NULL;) {
                char *tab = strchr(line, '\t');
                line[strcspn(line, "\n")] = '\0';
                if (tab == NULL)
                        continue;
                *tab = '\0';
                size_t length = unescape(line, text);
                for (char *blank = tab + 1; (blank = strchr(blank, ' ')) != NULL;)
                        *blank = '\n';
                size_t end = unescape(tab + 1, shells);
                if (end > 0)
                        shells[end++] = '\n';
                shells[end] = '\0';
                use(text, length, shells);
                count++;
        }
        CHECK(count > 10);
}

static void expect_shells(const char *text, size_t length, const char *shells)
{
        char ours[2 * TEXT_MAX];

        shells_of(text, length, ours);
        CHECK(strcmp(ours, shells) == 0);
}

static void expect_libcs(const char *text, size_t length, const char *shells)
{
        (void) shells;
        compare_with_libc(text, length);
}

static void compare_generated(void)
{
        static const char bytes[] = "//// \t\r\n\n\n##ab\v\f";
        uint32_t random = 0x5eed;
        char text[64];

        for (int i = 0; i < GENERATED; i++) {
                size_t length = 0;
                for (size_t wanted = 1 + random % sizeof(text); length < wanted; length++) {
                        random = random * 1664525 + 1013904223;
                        /* The NUL at the end of `bytes` as well. */
                        text[length] = bytes[(random >> 16) % sizeof(bytes)];
                }
                compare_with_libc(text, length);
        }
}

static void agrees_with_libc(FILE *vectors)
{
        char folder[] = "/tmp/iamlogin-shells-XXXXXX", path[64];
        int status;

        if (geteuid() != 0) {
                puts("test_shell_lines: not root, so no chroot: getusershell(3) was not asked");
                return;
        }
        CHECK(mkdtemp(folder) != NULL);
        pid_t child = fork();
        if (child == 0) {
                CHECK(chroot(folder) == 0 && chdir("/") == 0 && mkdir("/etc", 0755) == 0);
                for_each_vector(vectors, expect_libcs);
                compare_generated();
                CHECK(unlink("/etc/shells") == 0 && rmdir("/etc") == 0);
                _exit(0); /* LeakSanitizer needs /proc */
        }
        CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
        snprintf(path, sizeof(path), "%s", folder);
        CHECK(rmdir(path) == 0);
}

int main(void)
{
        FILE *vectors = fopen(VECTORS "/shells.txt", "r");

        CHECK(vectors != NULL);
        for_each_vector(vectors, expect_shells);
        agrees_with_libc(vectors);
        fclose(vectors);
        return 0;
}
