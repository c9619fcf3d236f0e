/* SPDX-License-Identifier: Apache-2.0 */
#include "net/spin.h"

enum {
        WEIGHT = 8, /* of the past against the newest pause */
        PROOF_FIRST = 32,
        PROOF_LAST = 16 * 1024,
        LONG_LIVED = 1024, /* events: an attempt that lasted so long was worth it */
};
#define PAUSE_MOST_NS (8 * SPIN_NS) /* one long pause is no longer than this */

void spin_init(struct spin *spin)
{
        *spin = (struct spin){
                .mean_ns = PAUSE_MOST_NS, .proof = PROOF_FIRST, .proof_due = PROOF_FIRST
        };
}

static void rest(struct spin *spin)
{
        spin->spinning = false;
        if (spin->lasted >= LONG_LIVED)
                spin->proof = PROOF_FIRST;
        else if (spin->proof < PROOF_LAST)
                spin->proof *= 2;
        spin->proof_due = spin->proof;
}

void spin_event(struct spin *spin, uint64_t came_ns, uint64_t now_ns)
{
        uint64_t pause = came_ns > spin->idle_ns ? came_ns - spin->idle_ns : 0;
        if (pause > PAUSE_MOST_NS)
                pause = PAUSE_MOST_NS;
        spin->mean_ns = spin->mean_ns - spin->mean_ns / WEIGHT + pause / WEIGHT;
        spin->idle_ns = now_ns;
        if (spin->spinning) {
                spin->lasted++;
                if (spin->mean_ns > SPIN_NS)
                        rest(spin);
                return;
        }
        if (spin->proof_due > 0)
                spin->proof_due--;
        else if (spin->mean_ns < SPIN_TRY_NS) {
                spin->spinning = true;
                spin->lasted = 0;
        }
}

void spin_yielded(struct spin *spin, uint64_t took_ns)
{
        if (spin->spinning && took_ns > SPIN_YIELD_NS)
                rest(spin);
}
