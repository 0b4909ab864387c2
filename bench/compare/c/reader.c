/*
 * The reader by hand: the code of a careful C programmer over the mapped pages, with the callback
 * in the loop. It believes every length, and stores the consumer position once for each run of
 * records. Waiting is level-triggered epoll, as in libbpf.
 */
#include <stdint.h>
#include <string.h>
#include <time.h>

#define BUSY (1u << 31)
#define DISCARD (1u << 30)
#define ROOM (1u << 18) /* of seen.rs */

struct c_ring {
	uint64_t *consumer_pos;
	const uint64_t *producer_pos;
	const uint8_t *data;
	uint64_t mask;
};

/* `Seen` of seen.rs. */
struct seen {
	uint64_t count, bytes, sum, next, disorder, stamped;
	uint32_t *latencies;
};

static inline uint64_t word(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static inline void order(struct seen *seen, uint64_t sequence)
{
	seen->disorder += sequence != seen->next;
	seen->next = sequence + 1;
}

static inline void untouched(struct seen *seen, const uint8_t *sample, uint32_t len)
{
	(void)sample;
	seen->count++;
	seen->bytes += len;
}

static inline void touched(struct seen *seen, const uint8_t *sample, uint32_t len)
{
	uint64_t sum = 0;

	untouched(seen, sample, len);
	order(seen, word(sample));
	for (uint32_t at = 0; at + 8 <= len; at += 64)
		sum += word(sample + at);
	seen->sum += sum;
}

static inline void stamped(struct seen *seen, const uint8_t *sample, uint32_t len)
{
	struct timespec now;
	uint64_t latency;

	clock_gettime(CLOCK_MONOTONIC, &now);
	latency = now.tv_sec * 1000000000ull + now.tv_nsec - word(sample + 8);
	untouched(seen, sample, len);
	order(seen, word(sample));
	seen->latencies[seen->stamped++ % ROOM] = latency < UINT32_MAX ? latency : UINT32_MAX;
}

#define DRAIN(LOOK)                                                                        \
	void c_drain_##LOOK(const struct c_ring *ring, struct seen *to)                    \
	{                                                                                  \
		struct seen local = *to, *seen = &local; /* in registers, if they suffice */ \
		uint64_t cons = *ring->consumer_pos, before = cons;                        \
		uint64_t prod = __atomic_load_n(ring->producer_pos, __ATOMIC_ACQUIRE);     \
                                                                                           \
		while (cons != prod) {                                                     \
			const uint8_t *record = ring->data + (cons & ring->mask);          \
			uint32_t bits =                                                    \
				__atomic_load_n((const uint32_t *)record, __ATOMIC_ACQUIRE); \
			uint32_t len = bits & ~(BUSY | DISCARD);                           \
                                                                                           \
			if (bits & BUSY)                                                   \
				break;                                                     \
			if (!(bits & DISCARD))                                             \
				LOOK(seen, record + 8, len);                               \
			cons += (len + 8 + 7) & ~7u;                                       \
		}                                                                          \
		if (cons != before)                                                        \
			__atomic_store_n(ring->consumer_pos, cons, __ATOMIC_RELEASE);      \
		*to = local;                                                               \
	}

DRAIN(untouched)
DRAIN(touched)
DRAIN(stamped)
