/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "eth/json.h"
#include "tests/chain/anvil_kit.h"
#include "tests/unit/seed.h"

/*
 * kill -9 of a process that has many transactions in flight, CDX_COUNT times,
 * on a node that mines each second: whenever it died, everything it wanted is on
 * the chain once, and nonces have no gap.
 *
 *   sender_kill                the test
 *   sender_kill FOLDER TOTAL [stay]   the process that is killed; without
 *                                     "stay" it ends when all is done
 */

/* Wanted at a time, and for each kill */
#define WINDOW 100u
#define EACH_KILL 30u

static struct cdx_seckey key;

static void key_init(void)
{
	memset(key.b, 0x2b, sizeof(key.b));
}

/* ---- the process that is killed ---- */

struct child {
	struct anvil a;
	unsigned total;
	unsigned next; /* to be wanted */
	unsigned n_told;
	bool *told;
	int fd; /* the file that says who was told, a line each */
};

struct one {
	struct child *c;
	unsigned i;
};

/* Whom an end was told survives the process, as a caller's own records do. */
static void told(void *arg, int err, const struct cdx_sent *sent,
		 const struct cdx_revert *why)
{
	struct one *o = arg;
	char line[16];
	int len = snprintf(line, sizeof(line), "%u\n", o->i);

	if (err)
		fail_msg("%u: %s", o->i, why->words);
	assert_non_null(sent);
	assert_int_equal(write(o->c->fd, line, (size_t)len), len);
	assert_int_equal(fdatasync(o->c->fd), 0);
	o->c->told[o->i] = true;
	o->c->n_told++;
	free(o);
}

static void want(struct child *c, unsigned i)
{
	struct one *o = malloc(sizeof(*o));
	struct cdx_send_req req = {.value = cdx_u256_of(1)};
	char text[16];

	assert_non_null(o);
	*o = (struct one){.c = c, .i = i};
	snprintf(text, sizeof(text), "kill %u", i);
	memset(req.to.b, 0x42, sizeof(req.to.b));
	req.data = text;
	req.len = strlen(text);
	req.tag = text;
	assert_int_equal(cdx_sender_send(c->a.sender, NULL, &req, told, o), 0);
}

static bool all_told(void *arg)
{
	struct child *c = arg;

	while (c->next < c->total && c->next < c->n_told + WINDOW) {
		if (!c->told[c->next])
			want(c, c->next);
		c->next++;
	}
	return c->n_told == c->total;
}

static void read_told(struct child *c, const char *path)
{
	FILE *f = fopen(path, "a+e");
	unsigned i;

	assert_non_null(f);
	rewind(f);
	while (fscanf(f, "%u\n", &i) == 1) {
		assert_true(i < c->total && !c->told[i]);
		c->told[i] = true;
		c->n_told++;
	}
	fclose(f);
	c->fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_true(c->fd >= 0);
}

static int child(const char *dir, unsigned total, bool stay)
{
	struct child c = {.total = total};
	char path[264];

	c.told = calloc(total, sizeof(*c.told));
	assert_non_null(c.told);
	snprintf(path, sizeof(path), "%s.told", dir);
	read_told(&c, path);
	anvil_begin(&c.a, dir, &key);
	anvil_sender(&c.a);
	/* however quick it is, it is killed, not found dead */
	while (!all_told(&c) || stay)
		loop_kit_run_ms(&c.a.turns, 5);
	loop_kit_run_ms(&c.a.turns, 50);
	anvil_end(&c.a);
	close(c.fd);
	free(c.told);
	return 0;
}

/* ---- the test ---- */

static pid_t start(const char *self, const char *dir, unsigned total, bool stay)
{
	char text[16];
	pid_t pid;

	snprintf(text, sizeof(text), "%u", total);
	pid = fork();
	if (pid == 0) {
		execl(self, self, dir, text, stay ? "stay" : NULL,
		      (char *)NULL);
		_exit(127);
	}
	assert_true(pid > 0);
	return pid;
}

static void sleep_ms(unsigned ms)
{
	struct timespec t = {.tv_sec = ms / 1000,
			     .tv_nsec = (long)(ms % 1000) * 1000000};

	nanosleep(&t, NULL);
}

/* Each data once; what the account sent is that, and empty ones */
static void check_chain(struct anvil *a, unsigned total)
{
	uint64_t height = anvil_u64(a, "eth_blockNumber", json_array());
	unsigned *times = calloc(total, sizeof(*times));
	uint64_t others = 0;

	assert_non_null(times);
	for (uint64_t n = 0; n <= height; n++) {
		json_t *block =
			anvil_ask(a, "eth_getBlockByNumber",
				  json_pack("[ob]", cdx_json_u64(n), 1));
		json_t *tx;
		size_t at;

		json_array_foreach(json_object_get(block, "transactions"), at,
				   tx)
		{
			struct cdx_buf data = {0};
			unsigned i;

			assert_int_equal(
				cdx_json_get_bytes(json_object_get(tx, "input"),
						   &data),
				0);
			cdx_buf_u8(&data, 0);
			assert_int_equal(cdx_buf_ok(&data), 0);
			if (sscanf((const char *)data.p, "kill %u", &i) == 1 &&
			    i < total)
				times[i]++;
			else
				others++;
			cdx_buf_free(&data);
		}
		json_decref(block);
	}
	for (unsigned i = 0; i < total; i++)
		assert_int_equal(times[i], 1);
	assert_int_equal(anvil_count(a), total + others);
	assert_int_equal(anvil_pooled(a), 0);
	printf("%u transactions once each, %u empty ones\n", total,
	       (unsigned)others);
	free(times);
}

static void run(const char *self)
{
	const char *count = getenv("CDX_COUNT");
	unsigned kills = count ? (unsigned)strtoul(count, NULL, 10) : 5;
	unsigned total = WINDOW + kills * EACH_KILL;
	struct seed seed = seed_start("sender_kill");
	char dir[256];
	struct anvil a;
	int status;

	anvil_folder(dir);
	anvil_begin(&a, dir, &key);
	anvil_do(&a, "anvil_setBalance",
		 json_pack("[os]", anvil_addr(&a), "0x3635c9adc5dea00000"));
	for (unsigned i = 0; i < kills; i++) {
		pid_t pid =
			start(self, dir, WINDOW + (i + 1) * EACH_KILL, true);

		sleep_ms(20 + (unsigned)seed_below(&seed, 900));
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
	}
	assert_true(waitpid(start(self, dir, total, false), &status, 0) > 0);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	check_chain(&a, total);
	printf("%u kills\n", kills);
	anvil_end(&a);
}

static const char *self_path;

static void test_kills(void **state)
{
	(void)state;
	run(self_path);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_kills)};

	key_init();
	self_path = argv[0];
	if (argc >= 3)
		return child(argv[1], (unsigned)strtoul(argv[2], NULL, 10),
			     argc > 3);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
