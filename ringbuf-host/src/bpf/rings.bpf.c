// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * All ring buffer maps of this machine, and the programs that use them, by BPF iterators. Each
 * iterator writes elements of a fixed size, native byte order, without padding.
 *
 * Needs Linux 5.8 with BTF, on a 64-bit machine.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "kernel.h"

/* Looks at one ring, if its consumer moves between the loads of each. */
#define TRIES 8
/* Those that wait for one ring. */
#define WAITERS 16
/* Places of an array of maps that are looked at. */
#define PLACES 1024
/* MAX_USED_MAPS of the kernel. */
#define MAPS 64

enum waiting {
	NOBODY = 0,
	SOMEBODY = 1,
	UNCLEAR = 2,
};

/* 88 bytes. */
struct ring {
	__u64 consumer;
	__u64 producer;
	__u64 pending;  /* the second word of the producer page; 0 if the kernel has none */
	__u64 refs;     /* references of all kinds, without the iterator's */
	__u64 fds;      /* those of user space: open files and pins */
	__u32 id;
	__u32 map_type;
	__u32 map_flags;
	__u32 max_entries;
	__u32 header;   /* the length word of the record at `consumer` */
	__u32 steady;   /* 1 if all of these belong together */
	__u32 watched;  /* 1 if anybody is in the wait queue: an epoll set, or one who waits */
	__u32 waiting;  /* enum waiting */
	char name[16];
};

/* 8 bytes: a place of a map of maps. */
struct held {
	__u32 outer;
	__u32 ring; /* 0 if the place is empty */
};

/* Instead of a ring: it may hold others. */
#define OTHERS 0xffffffffU

/* 32 bytes: a program uses a ring, or a map of maps that holds rings. */
struct use {
	__u32 program;
	__u32 program_type;
	__u32 map;
	__u32 is_outer;
	char name[16];
};

/*
 * 0, which a processor knows only when it knows `value`. Added to an address, it orders a load
 * behind the load of `value` (an address dependency). A fence would need Linux 5.12.
 */
static __always_inline unsigned long after(unsigned long value)
{
	asm volatile("%0 &= 0" : "+r"(value));
	return value;
}

static __always_inline unsigned long load(const void *address)
{
	unsigned long value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), address);
	return value;
}

/* As core's Inspector: consumer position, producer position, header, consumer position. */
static __always_inline void look(struct ring *ring, struct bpf_ringbuf *rb)
{
	const void *consumer = __builtin_preserve_access_index(&rb->consumer_pos);
	const void *producer = __builtin_preserve_access_index(&rb->producer_pos);
	const void *data = __builtin_preserve_access_index(&rb->data);
	unsigned long mask = ring->max_entries - 1;
	unsigned long after_all = 0, header, again;

	for (int i = 0; i < TRIES; i++) {
		ring->consumer = load(consumer + after_all);
		ring->producer = load(producer + after(ring->consumer));
		/* 6.10 and stable releases; before, nothing is there. */
		ring->pending = load(producer + sizeof(unsigned long));
		/* Length and page offset are one word of 8 bytes; the length comes first. */
		header = load(data + (ring->consumer & mask) + after(ring->producer));
		again = load(consumer + after(header));
		__builtin_memcpy(&ring->header, &header, sizeof(ring->header));
		ring->steady = again == ring->consumer;
		if (ring->steady)
			break;
		after_all = after(again);
	}
}

static __always_inline int is_empty(const wait_queue_head_t *queue)
{
	const struct list_head *head = __builtin_preserve_access_index(&queue->head);

	return BPF_CORE_READ(queue, head.next) == head;
}

/* Whether one in the wait queue of a ring sleeps now. `entry` may have gone: then it is a guess. */
static __always_inline enum waiting sleeps(struct wait_queue_entry *entry,
					   const wait_queue_head_t *queue)
{
	struct eppoll_entry *watch;
	struct eventpoll *set;

	/* poll(2), select(2) and io_uring say for whom they wait. An epoll set does not. */
	if (BPF_CORE_READ(entry, private))
		return SOMEBODY;
	watch = (void *)entry - bpf_core_field_offset(struct eppoll_entry, wait);
	if (BPF_CORE_READ(watch, whead) != queue)
		return UNCLEAR;
	set = BPF_CORE_READ(watch, base, ep);
	if (!is_empty(__builtin_preserve_access_index(&set->wq)))
		return SOMEBODY;
	/* Another set, or poll(2), may wait for this one. */
	return is_empty(__builtin_preserve_access_index(&set->poll_wait)) ? NOBODY : UNCLEAR;
}

static __always_inline void waiters(struct ring *ring, struct bpf_ringbuf *rb)
{
	const wait_queue_head_t *queue = __builtin_preserve_access_index(&rb->waitq);
	const struct list_head *head = __builtin_preserve_access_index(&queue->head);
	struct list_head *next = BPF_CORE_READ(queue, head.next);

	ring->watched = next != head;
	ring->waiting = NOBODY;
	for (int i = 0; i < WAITERS && next && next != head; i++) {
		void *entry = (void *)next - bpf_core_field_offset(struct wait_queue_entry, entry);
		enum waiting one = sleeps(entry, queue);

		if (one == SOMEBODY) {
			ring->waiting = SOMEBODY;
			return;
		}
		if (one == UNCLEAR)
			ring->waiting = UNCLEAR;
		next = BPF_CORE_READ(next, next);
	}
	if (next != head)
		ring->waiting = UNCLEAR;
}

SEC("iter/bpf_map")
int rings(struct bpf_iter__bpf_map *ctx)
{
	struct bpf_map *map = ctx->map;
	struct ring ring = {};
	struct bpf_ringbuf *rb;

	if (!map || !is_ring(map->map_type))
		return 0;
	ring.id = map->id;
	ring.map_type = map->map_type;
	ring.map_flags = map->map_flags;
	ring.max_entries = map->max_entries;
	ring.refs = map->refcnt.counter - 1;
	ring.fds = map->usercnt.counter;
	BPF_CORE_READ_STR_INTO(&ring.name, map, name);
	rb = BPF_CORE_READ((struct bpf_ringbuf_map *)map, rb);
	look(&ring, rb);
	waiters(&ring, rb);
	bpf_seq_write(ctx->meta->seq, &ring, sizeof(ring));
	return 0;
}

SEC("iter/bpf_map")
int inner(struct bpf_iter__bpf_map *ctx)
{
	struct bpf_map *map = ctx->map;
	struct held held = {};
	__u32 map_type, places;
	void **place;

	if (!map)
		return 0;
	map_type = map->map_type;
	if (map_type != ARRAY_OF_MAPS && map_type != HASH_OF_MAPS)
		return 0;
	if (!is_ring(BPF_CORE_READ(map, inner_map_meta, map_type)))
		return 0;
	held.outer = map->id;
	places = map->max_entries;
	if (map_type == HASH_OF_MAPS || places > PLACES) {
		held.ring = OTHERS;
		bpf_seq_write(ctx->meta->seq, &held, sizeof(held));
	}
	if (map_type == HASH_OF_MAPS)
		return 0;
	place = (void *)__builtin_preserve_access_index(&((struct bpf_array *)map)->ptrs);
	/* One branch only: the verifier follows each, in each round. */
	for (__u32 i = 0; i < PLACES; i++) {
		struct bpf_map *one = NULL;

		if (i >= places)
			break;
		bpf_probe_read_kernel(&one, sizeof(one), place + i);
		held.ring = BPF_CORE_READ(one, id);
		bpf_seq_write(ctx->meta->seq, &held, sizeof(held));
	}
	return 0;
}

SEC("iter/bpf_prog")
int uses(struct bpf_iter__bpf_prog *ctx)
{
	struct bpf_prog *prog = ctx->prog;
	struct bpf_prog_aux *aux;
	struct bpf_map **maps;
	struct use use = {};
	__u32 count;

	if (!prog)
		return 0;
	aux = BPF_CORE_READ(prog, aux);
	count = BPF_CORE_READ(aux, used_map_cnt);
	maps = BPF_CORE_READ(aux, used_maps);
	use.program = BPF_CORE_READ(aux, id);
	use.program_type = BPF_CORE_READ(prog, type);
	BPF_CORE_READ_STR_INTO(&use.name, aux, name);
	for (__u32 i = 0; i < MAPS; i++) {
		struct bpf_map *map = NULL;
		__u32 map_type;

		if (i >= count)
			break;
		bpf_probe_read_kernel(&map, sizeof(map), maps + i);
		if (!map)
			continue;
		map_type = BPF_CORE_READ(map, map_type);
		use.is_outer = map_type == ARRAY_OF_MAPS || map_type == HASH_OF_MAPS;
		if (!use.is_outer && !is_ring(map_type))
			continue;
		use.map = BPF_CORE_READ(map, id);
		bpf_seq_write(ctx->meta->seq, &use, sizeof(use));
	}
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
