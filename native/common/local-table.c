/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into every process that resolves a user. */
#include "local-table.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "cancel.h"
#include "clock.h"
#include "local-build.h"

enum { LOOK_MS = 1000 };

static struct slots tables = SLOTS_EMPTY(local_table_free);
static atomic_llong looked_at_ms;

/* One thread of a process looks, once in LOOK_MS. */
static bool is_current(const struct local_table *table)
{
        long long now = clock_recent_ms(), last = atomic_load(&looked_at_ms);

        if (now - last < LOOK_MS || !atomic_compare_exchange_strong(&looked_at_ms, &last, now))
                return true;
        return local_table_matches(table);
}

/*
 * For a call that finds no table, or holds one that is not current: the files as they are now. Where they
 * can't be read, the old table says nothing any more.
 */
static int acquire_anew(struct hold *hold)
{
        DEFER_CANCEL;
        int errno_before = errno;
        struct hold fresh = HOLD_NONE;
        struct local_table *table = NULL;

        if (hold->value == NULL)
                atomic_store(&looked_at_ms, clock_look_ms());
        int r = local_table_read(&table);
        errno = errno_before;
        if (r < 0) {
                slots_drop(&tables, hold);
                slots_leave(&tables, hold);
                /* Another thread may have had the descriptor, or the memory, that this one lacked. */
                return slots_enter(&tables, hold) ? 0 : r;
        }
        slots_put(&tables, hold, table, &fresh);
        slots_leave(&tables, hold);
        *hold = fresh;
        return 0;
}

int local_acquire(struct local_hold *ret_hold)
{
        struct hold hold = HOLD_NONE;

        if (!slots_enter(&tables, &hold) || !is_current(hold.value)) {
                int r = acquire_anew(&hold);
                if (r < 0)
                        return r;
        }
        *ret_hold = (struct local_hold){hold.value, hold};
        return 0;
}

void local_release(struct local_hold *hold)
{
        slots_leave(&tables, &hold->hold);
        *hold = (struct local_hold) LOCAL_HOLD_EMPTY;
}

__attribute__((destructor)) static void forget(void)
{
        slots_clear(&tables);
}

unsigned int local_of_name(const struct local_table *table, const char *name, size_t length)
{
        return local_flags_of_name(table, name, length);
}

unsigned int local_of_id(const struct local_table *table, uint32_t id)
{
        return local_flags_of_id(table, id);
}

const struct root_ids *local_ids(const struct local_table *table)
{
        return &table->ids;
}

bool local_has_shell(const struct local_table *table, const char *path, size_t length)
{
        return local_lists_shell(table, path, length);
}

int local_groups_of(const struct local_table *table, const uint32_t **ret_gids)
{
        *ret_gids = table->local_gids;
        return table->local_groups;
}
