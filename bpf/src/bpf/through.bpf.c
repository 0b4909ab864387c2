// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A program that finds its ring in a map of maps, and so does not name it.
 *
 * Records: the number 1, 8 bytes.
 *
 * The program is run by BPF_PROG_TEST_RUN, without arguments.
 *
 * Needs Linux 5.10.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, struct ring);
} rings SEC(".maps");

SEC("raw_tp")
int through(void *ctx)
{
	__u32 which = 2;
	void *ring = bpf_map_lookup_elem(&rings, &which);
	__u64 number = 1;

	return ring ? bpf_ringbuf_output(ring, &number, sizeof(number), 0) : 1;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
