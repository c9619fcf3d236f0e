/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rate.h"
#include "base/mem.h"
#include <pthread.h>

struct rate_counter {
        pthread_mutex_t lock;
        int64_t limit, passed;
        uint64_t interval_ns, end_ns; /* of the window; 0: none has begun */
        uint64_t blocked;
};

struct rate_counter *rate_counter_new(int64_t limit, uint64_t interval_ns)
{
        struct rate_counter *rate = xnew(struct rate_counter);
        pthread_mutex_init(&rate->lock, NULL);
        rate->limit = limit;
        rate->interval_ns = interval_ns;
        return rate;
}

void rate_counter_free(struct rate_counter *rate)
{
        if (rate == NULL)
                return;
        pthread_mutex_destroy(&rate->lock);
        xfree(rate);
}

bool rate_counter_allow(struct rate_counter *rate, uint64_t now_ns)
{
        pthread_mutex_lock(&rate->lock);
        if (rate->end_ns == 0 || now_ns > rate->end_ns) {
                rate->passed = 0;
                rate->end_ns = now_ns + rate->interval_ns;
        }
        bool pass = rate->passed < rate->limit;
        if (pass)
                rate->passed++;
        else
                rate->blocked++;
        pthread_mutex_unlock(&rate->lock);
        return pass;
}

uint64_t rate_counter_take_blocked(struct rate_counter *rate)
{
        pthread_mutex_lock(&rate->lock);
        uint64_t blocked = rate->blocked;
        rate->blocked = 0;
        pthread_mutex_unlock(&rate->lock);
        return blocked;
}
