/* SPDX-License-Identifier: Apache-2.0 */
/* spin.h: when a loop should look for events again and again for a moment instead of sleeping.
 *
 * A sleeping loop costs whoever sends to it a wake-up, and itself the way back onto a core: tens of
 * microseconds, where the poll itself costs less than one. So a loop whose events follow each other closely
 * spins for up to SPIN_NS before it sleeps. It stops when the mean pause between events is longer than that:
 * then spinning would burn a core and seldom meet anything. It stops as well when the core that it gives away
 * between two looks does not come back at once: somebody else, often the one whose message is waited for,
 * needs it, and the scheduler makes those who give way stand back for long.
 *
 *   RESTING ── mean pause < SPIN_TRY_NS, and the time of proof is over ──► SPINNING
 *      ▲                                                                     │
 *      └── mean pause > SPIN_NS, or a core that others need; ────────────────┘
 *          short-lived spinning doubles the proof
 *
 * Pure: the caller brings the time. Owner: one loop. */
#pragma once
#include "base/macros.h"
#include <stdbool.h>
#include <stdint.h>

#define SPIN_NS (50 * NS_PER_US)
/* A pause that was slept through contains the wake-up, so it looks longer than it would have been. */
#define SPIN_TRY_NS (2 * SPIN_NS)

/* The short turns of others on an idle machine (the peer that answers, the kernel's threads) take some 60 us at
 * most, less than a wake-up costs; where cores are short a turn takes milliseconds. */
#define SPIN_YIELD_NS (64 * NS_PER_US)

struct spin {
        uint64_t idle_ns;   /* when the last event had been dealt with */
        uint64_t mean_ns;   /* pause between events, recent ones weigh more */
        uint32_t proof;     /* events to see before the next attempt */
        uint32_t proof_due; /* of them still to come */
        uint32_t lasted;    /* events since this attempt began */
        bool spinning;
};

void spin_init(struct spin *spin);
/* Nothing is to be done at now_ns: look again (true) or sleep? */
static inline bool spin_wanted(const struct spin *spin, uint64_t now_ns)
{
        return spin->spinning && now_ns - spin->idle_ns < SPIN_NS;
}

/* Events came at came_ns and were dealt with by now_ns. */
void spin_event(struct spin *spin, uint64_t came_ns, uint64_t now_ns);
/* Between two looks the core was given away for so long. */
void spin_yielded(struct spin *spin, uint64_t took_ns);
