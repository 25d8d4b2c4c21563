/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_CODEC_MULTIADDR_H
#define CDX_CODEC_MULTIADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/*
 * The multiaddresses that we write and follow:
 * /ip4|ip6|dns|dns4|dns6/HOST/tcp/PORT[/tls]/http.  Codes: ip4 4, tcp 6, ip6
 * 41, dns 53, dns4 54, dns6 55, tls 448, http 480.  A name is in lower case and
 * does not end in a number, which resolvers take for an address.  All of it is
 * pure.
 */
enum cdx_maddr_kind {
	CDX_MADDR_IP4,
	CDX_MADDR_IP6,
	CDX_MADDR_DNS,
	CDX_MADDR_DNS4,
	CDX_MADDR_DNS6,
};
#define CDX_MADDR_HOST_MAX 254u /* with NUL */
#define CDX_MADDR_BIN_MAX 280u
#define CDX_MADDR_TEXT_MAX 320u

struct cdx_maddr {
	enum cdx_maddr_kind kind;
	char host[CDX_MADDR_HOST_MAX]; /* canonical text of it */
	uint16_t port;		       /* not 0 */
	bool tls;
	bool http; /* false: another's address, bare tcp; not for us to follow */
};

/* Bytes; returns the length, 0 for a host that is none of its kind */
size_t cdx_maddr_encode(uint8_t out[CDX_MADDR_BIN_MAX],
			const struct cdx_maddr *a);
/* CDX_E_FORMAT: malformed, bytes left over, or a kind we do not know (quic, p2p
 * circuits, ...).  A trailing /p2p/ID is passed over. */
CDX_MUST_CHECK int cdx_maddr_decode(struct cdx_maddr *out, const void *in,
				    size_t len);
void cdx_maddr_text(char out[CDX_MADDR_TEXT_MAX], const struct cdx_maddr *a);
/* The text form; also HOST:PORT, [IP6]:PORT and http(s)://HOST:PORT[/], which
 * people write.  CDX_E_FORMAT. */
CDX_MUST_CHECK int cdx_maddr_parse(struct cdx_maddr *out, const char *text);
/* "http://HOST:PORT" or https; @out CDX_MADDR_TEXT_MAX bytes */
void cdx_maddr_url(char out[CDX_MADDR_TEXT_MAX], const struct cdx_maddr *a);
bool cdx_maddr_equal(const struct cdx_maddr *a, const struct cdx_maddr *b);

#endif
