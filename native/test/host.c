/* SPDX-License-Identifier: Apache-2.0 */
#include "host.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "vector.h"

static char folder[] = "/tmp/iamlogin-host-XXXXXX";
static int journal = -1;

const char *host_folder(void)
{
        return folder;
}

static void point(const char *variable, const char *name)
{
        char path[128];

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        CHECK(setenv(variable, path, 1) == 0);
}

void host_write(const char *name, const void *bytes, size_t length)
{
        char path[128], fresh[128];

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        snprintf(fresh, sizeof(fresh), "%s/fresh", folder);
        FILE *file = fopen(fresh, "w");
        CHECK(file != NULL && fwrite(bytes, 1, length, file) == length && fclose(file) == 0);
        CHECK(chmod(fresh, 0644) == 0 && rename(fresh, path) == 0);
}

void host_write_text(const char *name, const char *text)
{
        host_write(name, text, strlen(text));
}

void host_remove(const char *name)
{
        char path[128];

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        CHECK(unlink(path) == 0);
}

void host_publish(const char *vector)
{
        uint8_t bytes[8192];
        const uint32_t superseded = 1;
        char path[128];

        snprintf(path, sizeof(path), "%s/directory.db", folder);
        FILE *old = fopen(path, "r+");
        size_t length = read_vector(vector, bytes, sizeof(bytes));
        host_write("directory.db", bytes, length);
        if (old != NULL) {
                CHECK(fseek(old, 8, SEEK_SET) == 0 && fwrite(&superseded, 4, 1, old) == 1);
                fclose(old);
        }
}

const char *host_journalled(void)
{
        static char entry[8192];

        ssize_t length = recv(journal, entry, sizeof(entry) - 1, MSG_DONTWAIT);
        entry[length < 0 ? 0 : length] = '\0';
        return entry;
}

static _Atomic int64_t passed_ms, stepped_ms;

void host_pass_time(int64_t ms)
{
        atomic_fetch_add(&passed_ms, ms);
}

void host_step_wall_clock(int64_t ms)
{
        atomic_fetch_add(&stepped_ms, ms);
}

/* Of clocks that code under test looks at; a deadline by CLOCK_MONOTONIC is a true one. */
static int64_t shift_of(clockid_t clock)
{
        switch (clock) {
        case CLOCK_MONOTONIC_COARSE:
        case CLOCK_BOOTTIME:
                return atomic_load(&passed_ms);
        case CLOCK_REALTIME:
                return atomic_load(&passed_ms) + atomic_load(&stepped_ms);
        default:
                return 0;
        }
}

/* In place of libc's, also for the modules that a test loads. */
__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *ret_now)
{
        int r = (int) syscall(SYS_clock_gettime, clock, ret_now);
        int64_t shift = shift_of(clock);

        if (shift != 0) {
                int64_t ms = (int64_t) ret_now->tv_sec * 1000 + ret_now->tv_nsec / 1000000 + shift;
                ret_now->tv_sec = ms / 1000;
                ret_now->tv_nsec = ms % 1000 * 1000000;
        }
        return r;
}

void host_start(void)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        char lists[64];

        CHECK(mkdtemp(folder) != NULL && chmod(folder, 0755) == 0);
        CHECK(setenv("IAMLOGIN_STATE_DIR", folder, 1) == 0);
        host_write_text("passwd", "root:x:0:0::/root:/bin/sh\nadmin:x:1000:1000::/home/admin:/bin/sh\n");
        point("IAMLOGIN_PASSWD_FILE", "passwd");
        host_write_text("group", "root:x:0:\nadmin:x:1000:\n");
        point("IAMLOGIN_GROUP_FILE", "group");
        host_write_text("shells", "/bin/sh\n/bin/bash\n");
        point("IAMLOGIN_SHELLS_FILE", "shells");
        snprintf(lists, sizeof(lists), "%s/root.d", folder);
        CHECK(mkdir(lists, 0755) == 0);
        point("IAMLOGIN_ROOT_LISTS", "root.d");
        host_write_text("boot_id", "0123abcd-4567-89ef-8000-000000000000\n");
        point("IAMLOGIN_BOOT_ID_FILE", "boot_id");
        point("IAMLOGIN_JOURNAL_SOCKET", "journal");
        snprintf(address.sun_path, sizeof(address.sun_path), "%s/journal", folder);
        journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        CHECK(journal >= 0 && bind(journal, (struct sockaddr *) &address, sizeof(address)) == 0);
}

void host_stop(void)
{
        close(journal);
}
