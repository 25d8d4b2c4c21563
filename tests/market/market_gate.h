/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_MARKET_MARKET_GATE_H
#define CDX_TESTS_MARKET_MARKET_GATE_H

#include <stdbool.h>

/* A way to a server on this machine that can be cut: TCP connections are
 * relayed while it is open.  Include after cmocka.h.  Thread: safe. */
struct mk_gate;

#define MK_GATE_URL_MAX 64u

/* @url: http://127.0.0.1:PORT behind it; @out: its own.  Open at first. */
struct mk_gate *mk_gate_new(const char *url, char out[MK_GATE_URL_MAX]);
/* NULL is allowed. */
void mk_gate_free(struct mk_gate *g);
/* Closed: every connection is cut before it returns, later ones at once */
void mk_gate_set(struct mk_gate *g, bool open);

#endif
