// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Counts the records that the kernel refuses to programs of others, for each ring: behind the
 * helpers that reserve. What they grant costs a trampoline and a comparison.
 *
 * BTF pads helpers to five arguments of 64 bits, so the result is the sixth.
 *
 * Needs Linux 5.8 with BTF (fexit), on a 64-bit machine, and a kernel whose ringbuf.c can be
 * traced: 5.8 to 6.17 or so. Where a helper does not exist, its program is not loaded.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define RESULT 5
#define HEADER_BYTES 8ULL

struct bpf_map {
	__u32 id;
} __attribute__((preserve_access_index));

struct lost {
	__u64 records;
	__u64 bytes; /* of ring space, with headers */
};

/* By the id of the map. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct lost);
} lost SEC(".maps");

/* Refused records for which no entry could be made. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} uncounted SEC(".maps");

static __always_inline void refused(const struct bpf_map *map, __u64 size)
{
	struct lost none = {}, *entry;
	__u32 zero = 0, id = BPF_CORE_READ(map, id);
	__u64 *count;

	entry = bpf_map_lookup_elem(&lost, &id);
	if (!entry) {
		/* Another CPU may be first: then it is there, too. */
		bpf_map_update_elem(&lost, &id, &none, BPF_NOEXIST);
		entry = bpf_map_lookup_elem(&lost, &id);
	}
	if (entry) {
		/* Atomic: an interrupt may come between a load and a store. */
		__sync_fetch_and_add(&entry->records, 1);
		__sync_fetch_and_add(&entry->bytes, (size + HEADER_BYTES + 7) & ~7ULL);
		return;
	}
	count = bpf_map_lookup_elem(&uncounted, &zero);
	if (count)
		__sync_fetch_and_add(count, 1);
}

/* void *bpf_ringbuf_reserve(map, size, flags) */
SEC("fexit/bpf_ringbuf_reserve")
int reserve(__u64 *ctx)
{
	if (!ctx[RESULT])
		refused((void *)ctx[0], ctx[1]);
	return 0;
}

/* long bpf_ringbuf_output(map, data, size, flags) */
SEC("fexit/bpf_ringbuf_output")
int output(__u64 *ctx)
{
	if (ctx[RESULT])
		refused((void *)ctx[0], ctx[2]);
	return 0;
}

/* long bpf_ringbuf_reserve_dynptr(map, size, flags, ptr), Linux 5.19 */
SEC("fexit/bpf_ringbuf_reserve_dynptr")
int reserve_dynptr(__u64 *ctx)
{
	if (ctx[RESULT])
		refused((void *)ctx[0], (__u32)ctx[1]);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
