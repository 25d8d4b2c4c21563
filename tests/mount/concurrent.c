/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Many processes in one folder.
 *
 *   concurrent run DIR STATE SECONDS SEED
 *   concurrent verify DIR STATE            after a remount
 *
 * Writers own files and replace them (new file, rename over) or overwrite
 * blocks in place; readers take any replaced file and check that it is one
 * whole version that was written; movers rename and exchange files between two
 * folders, in which each file tells its name and is in one place only.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WRITERS 4
#define SLOTS 8
#define READERS 3
#define MOVERS 2
#define MOVED 60
#define BLOCK 4096u
#define BLOCKS 64
#define SIZE_MAX_BYTES 400000u

struct state {
	/* of replaced files: begun is set before the rename, done after */
	_Atomic uint32_t begun[WRITERS][SLOTS];
	_Atomic uint32_t done[WRITERS][SLOTS];
	/* of the blocks overwritten in place */
	_Atomic uint32_t block[WRITERS][BLOCKS];
	_Atomic uint64_t reads;
	_Atomic uint64_t writes;
	_Atomic uint64_t moves;
};

static struct state *st;
static const char *dir;
static uint64_t rng;
static time_t end;

static _Noreturn void die(const char *what, const char *path)
{
	fprintf(stderr, "concurrent: %s: %s (%s)\n", path, what,
		strerror(errno));
	_exit(1);
}

static uint64_t mix(uint64_t x)
{
	x ^= x >> 33;
	x *= UINT64_C(0xff51afd7ed558ccd);
	x ^= x >> 33;
	x *= UINT64_C(0xc4ceb9fe1a85ec53);
	return x ^ (x >> 33);
}

static uint32_t below(uint32_t n)
{
	rng = mix(rng + UINT64_C(0x9e3779b97f4a7c15));
	return (uint32_t)(rng >> 11) % n;
}

static bool goes_on(void)
{
	return time(NULL) < end;
}

static void fill(uint8_t *p, size_t n, uint64_t id)
{
	uint64_t s = mix(id + 1);

	for (size_t i = 0; i < n; i += 8) {
		s = s * UINT64_C(6364136223846793005) + 1442695040888963407u;
		memcpy(p + i, &s, n - i < 8 ? n - i : 8);
	}
}

static uint64_t id_of(unsigned w, unsigned slot, uint32_t version)
{
	return ((uint64_t)w << 56) | ((uint64_t)slot << 40) | version;
}

/* Length and contents follow from the id, which the first 8 bytes tell. */
static size_t whole(uint8_t *p, uint64_t id)
{
	size_t n = 8 + mix(id ^ 0x55) % (id % 5 == 0 ? SIZE_MAX_BYTES : 9000);

	fill(p, n, id);
	memcpy(p, &id, 8);
	return n;
}

static size_t read_all(const char *path, int fd, uint8_t *p, size_t max)
{
	size_t n = 0;
	ssize_t r;

	while (n < max && (r = read(fd, p + n, max - n)) != 0) {
		if (r < 0)
			die("read", path);
		n += (size_t)r;
	}
	return n;
}

/* The version of a replaced file, which has to be a whole one */
static uint32_t version_of(unsigned w, unsigned slot)
{
	static uint8_t have[SIZE_MAX_BYTES + 64];
	static uint8_t want[SIZE_MAX_BYTES + 64];
	char path[256];
	uint64_t id;
	size_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/w%u/f%u", dir, w, slot);
	fd = open(path, O_RDONLY);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		die("open", path);
	n = read_all(path, fd, have, sizeof(have));
	close(fd);
	if (n < 8)
		die("too short for any version", path);
	memcpy(&id, have, 8);
	if (id >> 32 != id_of(w, slot, 0) >> 32)
		die("of another file", path);
	if (whole(want, id) != n || memcmp(have, want, n) != 0)
		die("not a whole version", path);
	return (uint32_t)id;
}

static void replace(unsigned w)
{
	static uint8_t p[SIZE_MAX_BYTES + 64];
	unsigned slot = below(SLOTS);
	uint32_t version = atomic_load(&st->begun[w][slot]) + 1;
	size_t n = whole(p, id_of(w, slot, version));
	char from[256];
	char to[256];
	size_t done = 0;
	int fd;

	snprintf(from, sizeof(from), "%s/w%u/new", dir, w);
	snprintf(to, sizeof(to), "%s/w%u/f%u", dir, w, slot);
	fd = open(from, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0)
		die("create", from);
	while (done < n) {
		size_t part = 1 + below(200000);
		ssize_t r =
			write(fd, p + done, part < n - done ? part : n - done);

		if (r <= 0)
			die("write", from);
		done += (size_t)r;
	}
	if (below(10) == 0 && fsync(fd) < 0)
		die("fsync", from);
	if (close(fd) < 0)
		die("close", from);
	atomic_store(&st->begun[w][slot], version);
	if (rename(from, to) < 0)
		die("rename", to);
	atomic_store(&st->done[w][slot], version);
}

static void overwrite(unsigned w, int fd)
{
	unsigned b = below(BLOCKS);
	uint32_t version = atomic_load(&st->block[w][b]) + 1;
	uint8_t p[BLOCK];

	fill(p, BLOCK, id_of(w, 100 + b, version));
	if (pwrite(fd, p, BLOCK, (off_t)b * BLOCK) != BLOCK)
		die("pwrite", "blocks");
	atomic_store(&st->block[w][b], version);
	if (pread(fd, p, 8, (off_t)b * BLOCK) != 8)
		die("pread", "blocks");
}

static void writer(unsigned w)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/w%u/blocks", dir, w);
	fd = open(path, O_RDWR | O_CREAT, 0644);
	if (fd < 0)
		die("open", path);
	while (goes_on()) {
		if (below(3) == 0)
			overwrite(w, fd);
		else
			replace(w);
		if (below(50) == 0 && fdatasync(fd) < 0)
			die("fdatasync", path);
		atomic_fetch_add(&st->writes, 1);
	}
	if (close(fd) < 0)
		die("close", path);
}

static void reader(void)
{
	while (goes_on()) {
		unsigned w = below(WRITERS);
		unsigned slot = below(SLOTS);
		uint32_t low = atomic_load(&st->done[w][slot]);
		uint32_t v = version_of(w, slot);

		if (v < low || v > atomic_load(&st->begun[w][slot]))
			die("a version that was not there then", "replaced");
		atomic_fetch_add(&st->reads, 1);
	}
}

/* ---- movers ---- */

static void moved_path(char out[256], unsigned folder, unsigned i)
{
	snprintf(out, 256, "%s/m%u/x%u", dir, folder, i);
}

static void make_moved(void)
{
	char path[256];

	for (unsigned f = 0; f < 2; f++) {
		snprintf(path, sizeof(path), "%s/m%u", dir, f);
		if (mkdir(path, 0755) < 0)
			die("mkdir", path);
	}
	for (unsigned i = 0; i < MOVED; i++) {
		FILE *f;

		moved_path(path, i % 2, i);
		f = fopen(path, "w");
		if (!f || fprintf(f, "%u\n", i) < 0 || fclose(f) != 0)
			die("write", path);
	}
}

static void mover(void)
{
	char a[256];
	char b[256];

	while (goes_on()) {
		unsigned i = below(MOVED);

		moved_path(a, 0, i);
		moved_path(b, 1, i);
		/* somebody else may be faster, both ways; or exchange the
		 * folders between the two look-ups: both are one then */
		if (renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_NOREPLACE) < 0 &&
		    renameat2(AT_FDCWD, b, AT_FDCWD, a, RENAME_NOREPLACE) < 0 &&
		    errno != ENOENT && errno != EEXIST)
			die("rename", a);
		if (below(20) == 0) {
			char m0[256];
			char m1[256];

			snprintf(m0, sizeof(m0), "%s/m0", dir);
			snprintf(m1, sizeof(m1), "%s/m1", dir);
			if (renameat2(AT_FDCWD, m0, AT_FDCWD, m1,
				      RENAME_EXCHANGE) < 0)
				die("exchange", m0);
		}
		atomic_fetch_add(&st->moves, 1);
	}
}

static void check_moved(void)
{
	unsigned count[MOVED] = {0};
	char path[256];

	for (unsigned f = 0; f < 2; f++) {
		for (unsigned i = 0; i < MOVED; i++) {
			unsigned says = MOVED;
			FILE *file;

			moved_path(path, f, i);
			file = fopen(path, "r");
			if (!file && errno == ENOENT)
				continue;
			if (!file || fscanf(file, "%u", &says) != 1 ||
			    says != i)
				die("of another name", path);
			fclose(file);
			count[i]++;
		}
	}
	for (unsigned i = 0; i < MOVED; i++) {
		if (count[i] != 1)
			die("not in one place", "moved");
	}
}

/* ---- at the end ---- */

static void check_blocks(unsigned w)
{
	char path[256];
	uint8_t have[BLOCK];
	uint8_t want[BLOCK];
	int fd;

	snprintf(path, sizeof(path), "%s/w%u/blocks", dir, w);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		die("open", path);
	for (unsigned b = 0; b < BLOCKS; b++) {
		uint32_t v = atomic_load(&st->block[w][b]);

		if (v == 0)
			continue;
		fill(want, BLOCK, id_of(w, 100 + b, v));
		if (pread(fd, have, BLOCK, (off_t)b * BLOCK) != BLOCK ||
		    memcmp(have, want, BLOCK) != 0)
			die("not the last version", path);
	}
	close(fd);
}

static void verify(void)
{
	for (unsigned w = 0; w < WRITERS; w++) {
		for (unsigned s = 0; s < SLOTS; s++) {
			if (version_of(w, s) != atomic_load(&st->done[w][s]))
				die("not the last version", "replaced");
		}
		check_blocks(w);
	}
	check_moved();
}

static void start(unsigned n, uint64_t seed)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork", "");
	if (pid > 0)
		return;
	rng = mix(seed + n);
	if (n < WRITERS)
		writer(n);
	else if (n < WRITERS + READERS)
		reader();
	else
		mover();
	_exit(0);
}

static int run(unsigned seconds, uint64_t seed)
{
	char path[256];
	int failed = 0;
	int status;

	for (unsigned w = 0; w < WRITERS; w++) {
		snprintf(path, sizeof(path), "%s/w%u", dir, w);
		if (mkdir(path, 0755) < 0)
			die("mkdir", path);
	}
	make_moved();
	end = time(NULL) + (time_t)seconds;
	for (unsigned n = 0; n < WRITERS + READERS + MOVERS; n++)
		start(n, seed);
	while (wait(&status) > 0)
		failed |= status != 0;
	if (failed)
		return 1;
	verify();
	printf("%llu replaced or overwritten, %llu read, %llu moved\n",
	       (unsigned long long)st->writes, (unsigned long long)st->reads,
	       (unsigned long long)st->moves);
	return 0;
}

int main(int argc, char **argv)
{
	bool runs = argc == 6 && strcmp(argv[1], "run") == 0;
	int fd;

	if (!runs && (argc != 4 || strcmp(argv[1], "verify") != 0))
		return 2;
	dir = argv[2];
	fd = open(argv[3], O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(*st)) < 0)
		die("open", argv[3]);
	st = mmap(NULL, sizeof(*st), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (st == MAP_FAILED)
		die("mmap", argv[3]);
	if (runs)
		return run((unsigned)strtoul(argv[4], NULL, 10),
			   strtoull(argv[5], NULL, 10));
	verify();
	return 0;
}
