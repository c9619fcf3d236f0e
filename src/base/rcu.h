/* SPDX-License-Identifier: Apache-2.0 */
/* rcu.h: read sections, pointer swap, deferred free. The only include of liburcu (memb flavour).
 *
 * Reader: rcu_enter() … rcu_deref() … rcu_exit(); never blocks inside. Sections nest.
 * Writer (one at a time, under its own lock): build the new, rcu_assign(), rcu_defer() the old.
 * Every thread that reads or defers calls rcu_thread_start() first and rcu_thread_stop() last. */
#pragma once
#include "base/macros.h"
#include <stdatomic.h>

void rcu_thread_start(void);
void rcu_thread_stop(void);

/* Cost: a compiler barrier and a thread-local increment where the kernel has membarrier(2). */
void rcu_enter(void);
void rcu_exit(void);

/* Typed loads and stores of pointers that readers follow; the field is declared `type *_Atomic
 * field`. */
#define rcu_deref(field) atomic_load_explicit(&(field), memory_order_acquire)
#define rcu_assign(field, value) atomic_store_explicit(&(field), (value), memory_order_release)

struct rcu_node;
typedef void (*rcu_fn)(struct rcu_node *node);

/* Embedded in what is retired; the fields belong to rcu.c. */
struct rcu_node {
        struct rcu_node *next;
        rcu_fn fn;
};

/* Call fn(node) on the reclaim thread after every reader that may see the object has left; in the
 * order of the calls. Never blocks on readers. */
void rcu_defer(struct rcu_node *node, rcu_fn fn);

/* Wait until all callbacks deferred before this call have run. Not inside a read section, not from
 * a callback. */
void rcu_barrier_wait(void);
