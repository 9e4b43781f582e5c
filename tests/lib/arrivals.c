/* A socket filter in BPF, written out, that keeps the book and drops. */
#include "arrivals.h"
#include "packet.h"

#include <err.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { STRIDE = 8 /* of an array's elements, whatever their size */ };

struct arrivals {
	int map;
	uint32_t most;
	volatile uint8_t *seen;
	size_t size;
};

static int bpf(enum bpf_cmd command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof *attr);
}

struct arrivals *arrivals_new(uint32_t most)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_ARRAY,
				.key_size = 4,
				.value_size = 1,
				.max_entries = most + 1,
				.map_flags = BPF_F_MMAPABLE };
	struct arrivals *arrivals = calloc(1, sizeof *arrivals);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (!arrivals)
		err(3, "memory");
	arrivals->most = most;
	arrivals->size = ((most + 1) * (size_t)STRIDE + page - 1) / page * page;
	arrivals->map = bpf(BPF_MAP_CREATE, &attr);
	if (arrivals->map < 0)
		err(3, "a BPF array");
	void *at = mmap(NULL, arrivals->size, PROT_READ | PROT_WRITE, MAP_SHARED, arrivals->map, 0);
	if (at == MAP_FAILED)
		err(3, "a BPF array as memory");
	arrivals->seen = at;
	return arrivals;
}

void arrivals_free(struct arrivals *arrivals)
{
	munmap((void *)arrivals->seen, arrivals->size);
	close(arrivals->map);
	free(arrivals);
}

#define MOVE(to, from)                                                              \
	{                                                                           \
		.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = to, .src_reg = from \
	}
#define SET(to, number)                                                           \
	{                                                                         \
		.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = to, .imm = number \
	}
#define ADD(to, number)                                                           \
	{                                                                         \
		.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = to, .imm = number \
	}
#define OR(to, number)                                                           \
	{                                                                        \
		.code = BPF_ALU64 | BPF_OR | BPF_K, .dst_reg = to, .imm = number \
	}
#define LOAD(width, to, from, offset)                                                            \
	{                                                                                        \
		.code = BPF_LDX | BPF_MEM | width, .dst_reg = to, .src_reg = from, .off = offset \
	}
#define STORE(width, to, from, offset)                                                           \
	{                                                                                        \
		.code = BPF_STX | BPF_MEM | width, .dst_reg = to, .src_reg = from, .off = offset \
	}
#define CALL(function)                                      \
	{                                                   \
		.code = BPF_JMP | BPF_CALL, .imm = function \
	}
#define UNLESS_EQUAL(reg, number, skipped)                                                       \
	{                                                                                        \
		.code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = reg, .imm = number, .off = skipped \
	}
#define IF_EQUAL(reg, number, skipped)                                                           \
	{                                                                                        \
		.code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = reg, .imm = number, .off = skipped \
	}
#define SKIP(count)                                    \
	{                                              \
		.code = BPF_JMP | BPF_JA, .off = count \
	}
#define LEAVE                              \
	{                                  \
		.code = BPF_JMP | BPF_EXIT \
	}

/* skb_load_bytes(skb, skb->len - 8, tag, 8); where its magic is ours, seen[tag.id] |= bits, or `marked` where the
 * packet has that mark. What it returns is how much of the
 * packet to keep: nothing. */
static int load_program(int map, uint8_t bits, uint32_t mark, uint8_t marked)
{
	const struct bpf_insn program[] = {
		MOVE(BPF_REG_6, BPF_REG_1),
		LOAD(BPF_W, BPF_REG_2, BPF_REG_1, offsetof(struct __sk_buff, len)),
		ADD(BPF_REG_2, -8),
		MOVE(BPF_REG_3, BPF_REG_10),
		ADD(BPF_REG_3, -8),
		SET(BPF_REG_4, 8),
		CALL(BPF_FUNC_skb_load_bytes),
		UNLESS_EQUAL(BPF_REG_0, 0, 15),
		LOAD(BPF_W, BPF_REG_1, BPF_REG_10, -8),
		UNLESS_EQUAL(BPF_REG_1, PACKET_MAGIC, 13),
		{ .code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = BPF_REG_1, .src_reg = BPF_PSEUDO_MAP_FD, .imm = map },
		{ 0 }, /* the second half of the one before */
		MOVE(BPF_REG_2, BPF_REG_10),
		ADD(BPF_REG_2, -4),
		CALL(BPF_FUNC_map_lookup_elem),
		IF_EQUAL(BPF_REG_0, 0, 7),
		LOAD(BPF_B, BPF_REG_1, BPF_REG_0, 0),
		LOAD(BPF_W, BPF_REG_2, BPF_REG_6, offsetof(struct __sk_buff, mark)),
		UNLESS_EQUAL(BPF_REG_2, (int)mark, 2),
		OR(BPF_REG_1, marked),
		SKIP(1),
		OR(BPF_REG_1, bits),
		STORE(BPF_B, BPF_REG_0, BPF_REG_1, 0),
		SET(BPF_REG_0, 0),
		LEAVE,
	};
	char told[4096] = "";
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
				.insns = (uintptr_t)program,
				.insn_cnt = sizeof program / sizeof *program,
				.license = (uintptr_t) "GPL",
				.log_buf = (uintptr_t)told,
				.log_size = sizeof told,
				.log_level = 1 };
	int fd = bpf(BPF_PROG_LOAD, &attr);

	if (fd < 0)
		err(3, "a BPF program: %s", told);
	return fd;
}

void arrivals_watch(struct arrivals *arrivals, int fd, uint8_t bits)
{
	arrivals_watch_marked(arrivals, fd, bits, 0, bits);
}

void arrivals_watch_marked(struct arrivals *arrivals, int fd, uint8_t bits, uint32_t mark, uint8_t marked)
{
	int program = load_program(arrivals->map, bits, mark, marked);

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &program, sizeof program) < 0)
		err(3, "SO_ATTACH_BPF");
	close(program);
}

void arrivals_clear(struct arrivals *arrivals)
{
	memset((void *)arrivals->seen, 0, arrivals->size);
}

uint8_t arrivals_of(const struct arrivals *arrivals, uint32_t id)
{
	return id <= arrivals->most ? arrivals->seen[(size_t)id * STRIDE] : 0;
}

void arrivals_forget(struct arrivals *arrivals, uint32_t id)
{
	arrivals->seen[(size_t)id * STRIDE] = 0;
}
