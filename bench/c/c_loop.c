/*
 * The loop that we compare with: the code of a careful C programmer over the
 * mapped pages. It has libbpf's algorithm, and trusts the kernel as libbpf
 * does. It believes every length, and stores the consumer position once for a
 * run (drain_c), or after each record as libbpf does (drain_c_each).
 */
#include <stdint.h>

struct ring {
	uint64_t *consumer_pos;
	const uint64_t *producer_pos;
	const uint8_t *data;
	uint64_t mask;
};

void on_sample(const uint8_t *sample, uint64_t len);

#define BUSY (1u << 31)
#define DISCARD (1u << 30)

#define DRAIN(NAME, STORE_EACH)                                                \
	uint64_t NAME(const struct ring *r)                                    \
	{                                                                      \
		uint64_t cons = *r->consumer_pos, count = 0, prod;             \
		for (;;) {                                                     \
			prod = __atomic_load_n(r->producer_pos,                \
					       __ATOMIC_ACQUIRE);              \
			if (cons == prod)                                      \
				goto out;                                      \
			do {                                                   \
				const uint8_t *rec = r->data + (cons & r->mask); \
				uint32_t word = __atomic_load_n(               \
					(const uint32_t *)rec,                 \
					__ATOMIC_ACQUIRE);                     \
				uint32_t len = word & ~(BUSY | DISCARD);       \
				if (word & BUSY)                               \
					goto out;                              \
				cons += (len + 8 + 7) & ~7u;                   \
				if (!(word & DISCARD)) {                       \
					on_sample(rec + 8, len);               \
					count++;                               \
				}                                              \
				if (STORE_EACH)                                \
					__atomic_store_n(r->consumer_pos,      \
							 cons,                 \
							 __ATOMIC_RELEASE);    \
			} while (cons != prod);                                \
		}                                                              \
	out:                                                                   \
		if (!STORE_EACH)                                               \
			__atomic_store_n(r->consumer_pos, cons,                \
					 __ATOMIC_RELEASE);                    \
		return count;                                                  \
	}

DRAIN(drain_c, 0)
DRAIN(drain_c_each, 1)
