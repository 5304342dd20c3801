/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into every process that resolves a user. */
#include "local-table.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "cancel.h"
#include "clock.h"
#include "local-build.h"
#include "slots.h"

enum { LOOK_MS = 1000, TRIES_FOR_SLOT = 100 };

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

/* Puts a table read now in place of that of slot `old`, which the caller holds; on failure: none. */
static int renew(int old)
{
        struct local_table *table = NULL;

        if (old == SLOT_NONE)
                atomic_store(&looked_at_ms, clock_look_ms());
        int r = local_table_read(&table);
        if (r == 0 && slots_replace(&tables, old, table) < 0) {
                local_table_free(table);
                r = -EUSERS;
        }
        if (r < 0 && old != SLOT_NONE)
                slots_drop(&tables, old);
        return r;
}

/* The way of a call that finds no table, or one that is not current and held. */
static int acquire_anew(int held)
{
        DEFER_CANCEL;
        int errno_before = errno, index = SLOT_NONE, r = 0;

        /* Many threads that begin at once may fill all slots for a moment. */
        for (int tries = 0; tries < TRIES_FOR_SLOT; tries++) {
                r = renew(held);
                if (held != SLOT_NONE)
                        slots_leave(&tables, held);
                held = SLOT_NONE;
                index = slots_enter(&tables);
                if (index != SLOT_NONE || r != -EUSERS)
                        break;
                sched_yield();
        }
        errno = errno_before;
        if (index != SLOT_NONE)
                return index;
        return r < 0 ? r : -EBUSY;
}

int local_acquire(struct local_hold *ret_hold)
{
        int index = slots_enter(&tables);

        if (index == SLOT_NONE || !is_current(tables.each[index].value)) {
                index = acquire_anew(index);
                if (index < 0)
                        return index;
        }
        *ret_hold = (struct local_hold){tables.each[index].value, index};
        return 0;
}

void local_release(struct local_hold *hold)
{
        if (hold->slot >= 0)
                slots_leave(&tables, hold->slot);
        *hold = (struct local_hold) LOCAL_HOLD_EMPTY;
}

/* dlclose(3), and exit(3), where other threads may still be inside: the last of them frees. */
__attribute__((destructor)) static void forget(void)
{
        int index = slots_enter(&tables);

        if (index != SLOT_NONE) {
                slots_drop(&tables, index);
                slots_leave(&tables, index);
        }
}

unsigned int local_of_name(const struct local_table *table, const char *name, size_t length)
{
        const struct name_slot *slot = local_find_name(table, local_hash(name, length), name, length);

        return slot->at == 0 ? 0 : (unsigned char) table->text[slot->at];
}

unsigned int local_of_id(const struct local_table *table, uint32_t id)
{
        return local_find_id(table, id)->flags;
}

const struct root_ids *local_ids(const struct local_table *table)
{
        return &table->ids;
}

bool local_has_shell(const struct local_table *table, const char *path, size_t length)
{
        for (uint32_t i = 0; i < table->shell_count; i++)
                if (table->shells[i].length == length && (table->shells_here >> i & 1) != 0 &&
                    memcmp(table->text + table->shells[i].at, path, length) == 0)
                        return true;
        return false;
}

int local_groups_of(const struct local_table *table, const uint32_t **ret_gids)
{
        *ret_gids = table->local_gids;
        return table->local_groups;
}
