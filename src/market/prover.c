/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "market/prover.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/list.h"
#include "proof/circuit.h"
#include "proof/proof_json.h"
#include "repair/repair.h"

#define NS_PER_S INT64_C(1000000000)
/* Proofs at once: the parts of one that are done by one thread alone leave the
 * other processors to the other (docs/PERFORMANCE.md "Proving for the market"). */
#define PROVERS 2u
/* Of the time that a proof takes lately, the last one is a quarter. */
#define TIME_OLD 3u
#define TIME_ALL 4u

/* guarded by the prover's mu, but for what is immutable */
struct cdx_prover_job {
	struct cdx_list node; /* in waiting or done */
	struct cdx_prover *prover;
	struct cdx_prover_req req; /* immutable */
	cdx_prover_fn *fn;	   /* immutable */
	void *arg;		   /* immutable */
	bool begun;
	bool left; /* nobody wants it any more */
	/* what came of it: the thread's until it is in done */
	int rc;
	struct cdx_proof_words words;
	char why[CDX_MARKET_WHY_MAX];
};

struct cdx_prover {
	const struct cdx_market_env *env;
	struct cdx_prover_keys keys;
	struct cdx_head_watch *watch;
	struct cdx_loop_io *io;
	int fd; /* rung when something is done */
	pthread_t threads[PROVERS];
	unsigned n_threads;
	pthread_mutex_t mu;
	pthread_cond_t more;
	/* guarded by mu */
	bool stop;
	struct cdx_list waiting; /* earliest deadline first */
	struct cdx_list done;
	unsigned running;
	int64_t clock_ns; /* the chain's time less the monotonic clock's */
	uint64_t time_ns;
	struct cdx_prover_stats stats;
};

/* ---- on the provers' threads ---- */

static int64_t chain_ns(const struct cdx_prover *p)
{
	return (int64_t)cdx_clock_mono_ns() + p->clock_ns;
}

/* With mu.  Would it be too late if it took so long from now on? */
static bool too_late(const struct cdx_prover *p,
		     const struct cdx_prover_job *job, uint64_t takes_ns)
{
	int64_t deadline = job->req.deadline;

	if (deadline > INT64_MAX / NS_PER_S)
		return false;
	return chain_ns(p) + (int64_t)takes_ns >= deadline * NS_PER_S;
}

static bool unwanted(void *arg)
{
	struct cdx_prover_job *job = arg;
	struct cdx_prover *p = job->prover;
	bool yes;

	pthread_mutex_lock(&p->mu);
	yes = p->stop || job->left || too_late(p, job, 0);
	pthread_mutex_unlock(&p->mu);
	return yes;
}

static void say(struct cdx_prover_job *job, int rc, const char *what)
{
	snprintf(job->why, sizeof(job->why), "%s: %s", what, cdx_strerror(rc));
}

static int read_inputs(struct cdx_prover_job *job, struct cdx_proof_inputs *in,
		       uint32_t samples)
{
	struct cdx_store *store = job->prover->env->store;
	struct cdx_slots sl = {0};
	int rc = cdx_slots_open(&sl, store, &job->req.manifest);

	if (rc == 0)
		rc = cdx_slots_inputs(in, store, &sl, job->req.slot,
				      job->req.challenge.b, samples);
	cdx_slots_free(&sl);
	if (rc == -ENOENT)
		snprintf(job->why, sizeof(job->why),
			 "the slot's dataset is not in the store any more");
	else if (rc == -ENODATA)
		snprintf(job->why, sizeof(job->why),
			 "blocks of slot %u that a proof asks for are neither "
			 "here nor to be made from others",
			 job->req.slot);
	else if (rc < 0)
		say(job, rc, "the slot's blocks cannot be read");
	return rc;
}

static int make(struct cdx_prover_job *job)
{
	struct cdx_prover *p = job->prover;
	const struct cdx_groth16_run run = {
		.pool = p->env->pool, .cancel = unwanted, .arg = job};
	struct cdx_fr public[CDX_CIRCUIT_PUBLIC];
	struct cdx_proof_inputs in = {0};
	char why[CDX_PROOF_WHY_MAX] = "";
	const struct cdx_proof_key *key;
	struct cdx_proof proof;
	int rc = p->keys.get(p->keys.arg, &key, job->why);

	if (rc < 0)
		return rc;
	rc = read_inputs(job, &in, key->samples);
	if (rc == 0) {
		rc = cdx_proof_make(&proof, public, key, &in, &run, why);
		if (rc < 0)
			snprintf(job->why, sizeof(job->why), "%s",
				 why[0] ? why : cdx_strerror(rc));
	}
	p->keys.put(p->keys.arg, key);
	cdx_proof_inputs_free(&in);
	if (rc == 0)
		cdx_proof_calldata(job->words.w, &proof);
	return rc;
}

/* With mu. */
static void count(struct cdx_prover *p, const struct cdx_prover_job *job,
		  uint64_t took_ns)
{
	if (job->rc == -ETIME) {
		p->stats.late++;
	} else if (job->rc == 0) {
		p->stats.made++;
		p->stats.last_ns = took_ns;
		p->time_ns =
			p->time_ns == 0
				? took_ns
				: (p->time_ns * TIME_OLD + took_ns) / TIME_ALL;
	} else if (!job->left) {
		p->stats.failed++;
	}
}

/* With mu, which is let go meanwhile. */
static void run_job(struct cdx_prover *p, struct cdx_prover_job *job)
{
	uint64_t begin = cdx_clock_mono_ns();
	/* With nothing else to do it is tried all the same: one proof that took long
	 * would keep all later ones from being begun, and be the last that was
	 * measured. */
	bool idle = p->running == 0 && cdx_list_empty(&p->waiting);
	bool late = too_late(p, job, idle ? 0 : p->time_ns);

	if (!late) {
		p->running++;
		pthread_mutex_unlock(&p->mu);
		job->rc = make(job);
		pthread_mutex_lock(&p->mu);
		p->running--;
		late = job->rc == -ECANCELED && !job->left;
	}
	if (late) {
		job->rc = -ETIME;
		snprintf(job->why, sizeof(job->why),
			 "there is not enough time left to make the proof");
	}
	count(p, job, cdx_clock_mono_ns() - begin);
}

static void *prover_main(void *arg)
{
	const uint64_t one = 1;
	struct cdx_prover *p = arg;

	pthread_mutex_lock(&p->mu);
	while (!p->stop) {
		struct cdx_prover_job *job;

		if (cdx_list_empty(&p->waiting)) {
			pthread_cond_wait(&p->more, &p->mu);
			continue;
		}
		job = cdx_list_entry(p->waiting.next, struct cdx_prover_job,
				     node);
		cdx_list_del(&job->node);
		p->stats.waiting--;
		job->begun = true;
		run_job(p, job);
		cdx_list_add_tail(&p->done, &job->node);
		/* fails only when it was rung so often that it is awake */
		(void)!write(p->fd, &one, sizeof(one));
	}
	pthread_mutex_unlock(&p->mu);
	return NULL;
}

/* ---- on the loop ---- */

static struct cdx_prover_job *take_done(struct cdx_prover *p)
{
	struct cdx_prover_job *job = NULL;

	pthread_mutex_lock(&p->mu);
	if (!cdx_list_empty(&p->done)) {
		job = cdx_list_entry(p->done.next, struct cdx_prover_job, node);
		cdx_list_del(&job->node);
	}
	pthread_mutex_unlock(&p->mu);
	return job;
}

static void on_done(void *arg, int fd, uint32_t events)
{
	struct cdx_prover *p = arg;
	struct cdx_prover_job *job;
	uint64_t n;

	(void)events;
	(void)!read(fd, &n, sizeof(n));
	while ((job = take_done(p)) != NULL) {
		/* only the loop says that a job is left: no lock is needed */
		if (!job->left)
			job->fn(job->arg, job->rc,
				job->rc == 0 ? &job->words : NULL, job->why);
		free(job);
	}
}

static void set_clock(struct cdx_prover *p)
{
	int64_t now = cdx_head_now(p->env->head);

	pthread_mutex_lock(&p->mu);
	p->clock_ns = now * NS_PER_S - (int64_t)cdx_clock_mono_ns();
	pthread_mutex_unlock(&p->mu);
}

static void on_head(void *arg, const struct cdx_block *head, uint64_t fork)
{
	(void)head;
	(void)fork;
	set_clock(arg);
}

/* Its threads take no signals. */
static int start(struct cdx_prover *p)
{
	sigset_t all;
	sigset_t old;
	int rc = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (rc == 0 && p->n_threads < PROVERS) {
		rc = -pthread_create(&p->threads[p->n_threads], NULL,
				     prover_main, p);
		if (rc == 0)
			(void)pthread_setname_np(p->threads[p->n_threads++],
						 "cdx-prover");
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc;
}

int cdx_prover_new(struct cdx_prover **out, const struct cdx_market_env *env,
		   const struct cdx_prover_keys *keys)
{
	struct cdx_prover *p = calloc(1, sizeof(*p));
	int rc;

	*out = NULL;
	if (!p)
		return -ENOMEM;
	p->env = env;
	p->keys = *keys;
	pthread_mutex_init(&p->mu, NULL);
	pthread_cond_init(&p->more, NULL);
	cdx_list_init(&p->waiting);
	cdx_list_init(&p->done);
	p->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = p->fd < 0 ? -errno : 0;
	if (rc == 0)
		rc = cdx_loop_io_add(env->loop, &p->io, p->fd, EPOLLIN, on_done,
				     p);
	if (rc == 0)
		rc = cdx_head_watch_add(env->head, &p->watch, on_head, p);
	set_clock(p);
	if (rc == 0)
		rc = start(p);
	if (rc < 0)
		cdx_prover_free(p);
	else
		*out = p;
	return rc;
}

static void free_jobs(struct cdx_list *jobs)
{
	cdx_list_foreach_safe(pos, next, jobs)
		free(cdx_list_entry(pos, struct cdx_prover_job, node));
}

void cdx_prover_free(struct cdx_prover *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->mu);
	p->stop = true;
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->mu);
	while (p->n_threads > 0)
		pthread_join(p->threads[--p->n_threads], NULL);
	cdx_head_watch_del(p->watch);
	cdx_loop_io_del(p->io);
	if (p->fd >= 0)
		close(p->fd);
	free_jobs(&p->waiting);
	free_jobs(&p->done);
	pthread_cond_destroy(&p->more);
	pthread_mutex_destroy(&p->mu);
	free(p);
}

/* With mu.  Behind all whose deadline is not later: mostly it is the same. */
static void queue(struct cdx_prover *p, struct cdx_prover_job *job)
{
	struct cdx_list *at = p->waiting.prev;

	while (at != &p->waiting &&
	       cdx_list_entry(at, struct cdx_prover_job, node)->req.deadline >
		       job->req.deadline)
		at = at->prev;
	cdx_list_add(at, &job->node);
	p->stats.waiting++;
}

int cdx_prover_ask(struct cdx_prover *p, struct cdx_prover_job **out,
		   const struct cdx_prover_req *req, cdx_prover_fn *fn,
		   void *arg)
{
	struct cdx_prover_job *job = calloc(1, sizeof(*job));

	*out = NULL;
	if (!job)
		return -ENOMEM;
	job->prover = p;
	job->req = *req;
	job->fn = fn;
	job->arg = arg;
	pthread_mutex_lock(&p->mu);
	queue(p, job);
	pthread_cond_signal(&p->more);
	pthread_mutex_unlock(&p->mu);
	*out = job;
	return 0;
}

void cdx_prover_leave(struct cdx_prover_job *job)
{
	struct cdx_prover *p;
	bool begun;

	if (!job)
		return;
	p = job->prover;
	pthread_mutex_lock(&p->mu);
	begun = job->begun;
	job->left = true;
	if (!begun) {
		cdx_list_del(&job->node);
		p->stats.waiting--;
	}
	pthread_mutex_unlock(&p->mu);
	/* else it is freed when its thread has let go of it */
	if (!begun)
		free(job);
}

uint64_t cdx_prover_time_ns(struct cdx_prover *p)
{
	uint64_t ns;

	pthread_mutex_lock(&p->mu);
	ns = p->time_ns;
	pthread_mutex_unlock(&p->mu);
	return ns;
}

unsigned cdx_prover_lanes(const struct cdx_prover *p)
{
	return p->n_threads;
}

void cdx_prover_stats(struct cdx_prover *p, struct cdx_prover_stats *out)
{
	pthread_mutex_lock(&p->mu);
	*out = p->stats;
	pthread_mutex_unlock(&p->mu);
}
