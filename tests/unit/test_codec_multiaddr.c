/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/err.h"
#include "codec/multiaddr.h"

/* Addresses of peers: bytes, text and URL of each other. */

static const struct {
	const char *text;
	const char *hex; /* from multiaddr's protocol table, by hand */
	const char *url;
} good[] = {
	{"/ip4/203.0.113.5/tcp/8070/http", "04cb007105061f86e003",
	 "http://203.0.113.5:8070"},
	{"/ip4/127.0.0.1/tcp/1/tls/http", "047f000001060001c003e003",
	 "https://127.0.0.1:1"},
	{"/ip4/0.0.0.0/tcp/65535", "040000000006ffff", "http://0.0.0.0:65535"},
	{"/ip6/::1/tcp/8070/http",
	 "2900000000000000000000000000000001061f86e003", "http://[::1]:8070"},
	{"/ip6/2001:db8::7/tcp/443/tls/http",
	 "2920010db80000000000000000000000070601bbc003e003",
	 "https://[2001:db8::7]:443"},
	{"/dns/example.org/tcp/443/tls/http",
	 "350b6578616d706c652e6f72670601bbc003e003", "https://example.org:443"},
	{"/dns4/a/tcp/80/http", "360161060050e003", "http://a:80"},
	{"/dns6/x-1.y_2.zz/tcp/80/http", "370a782d312e795f322e7a7a060050e003",
	 "http://x-1.y_2.zz:80"},
};

static void forms(void **state)
{
	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(good); i++) {
		uint8_t bin[CDX_MADDR_BIN_MAX];
		char text[CDX_MADDR_TEXT_MAX];
		char hex[2 * CDX_MADDR_BIN_MAX + 1];
		struct cdx_maddr a;
		struct cdx_maddr b;
		size_t len;

		assert_int_equal(cdx_maddr_parse(&a, good[i].text), 0);
		len = cdx_maddr_encode(bin, &a);
		cdx_hex(hex, bin, len);
		assert_string_equal(hex, good[i].hex);
		assert_int_equal(cdx_maddr_decode(&b, bin, len), 0);
		assert_true(cdx_maddr_equal(&a, &b));
		cdx_maddr_text(text, &b);
		assert_string_equal(text, good[i].text);
		cdx_maddr_url(text, &b);
		assert_string_equal(text, good[i].url);
		for (size_t cut = 0; cut < len; cut++)
			if (cdx_maddr_decode(&b, bin, cut) == 0)
				/* only where a protocol ends is it another */
				assert_false(cdx_maddr_equal(&a, &b));
	}
}

static void usual_forms(void **state)
{
	static const struct {
		const char *text;
		const char *want;
	} cases[] = {
		{"example.org:80", "/dns/example.org/tcp/80/http"},
		{"Example.ORG:80", "/dns/example.org/tcp/80/http"},
		{"192.0.2.1:8070", "/ip4/192.0.2.1/tcp/8070/http"},
		{"[::1]:8070", "/ip6/::1/tcp/8070/http"},
		{"[0:0:0::1]:8070", "/ip6/::1/tcp/8070/http"},
		{"http://192.0.2.1:1", "/ip4/192.0.2.1/tcp/1/http"},
		{"http://192.0.2.1:1/", "/ip4/192.0.2.1/tcp/1/http"},
		{"https://a.b:443/", "/dns/a.b/tcp/443/tls/http"},
		{"https://[2001:DB8::1]:2", "/ip6/2001:db8::1/tcp/2/tls/http"},
		{"/ip4/192.0.2.1/tcp/5/p2p/16Uiu2HA", "/ip4/192.0.2.1/tcp/5"},
		{"/ip4/192.0.2.1/tcp/5/http/p2p/Qm",
		 "/ip4/192.0.2.1/tcp/5/http"},
		{"3f2a:80", "/dns/3f2a/tcp/80/http"},
	};

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(cases); i++) {
		char text[CDX_MADDR_TEXT_MAX];
		struct cdx_maddr a;

		assert_int_equal(cdx_maddr_parse(&a, cases[i].text), 0);
		cdx_maddr_text(text, &a);
		assert_string_equal(text, cases[i].want);
	}
}

static void refused_text(void **state)
{
	static const char *const bad[] = {
		"",
		"/",
		"//",
		"example.org",
		"example.org:",
		"example.org:0",
		"example.org:65536",
		"example.org:080",
		"example.org:+8",
		"example.org:8 ",
		":80",
		"::1:80",
		"[::1]",
		"[]:80",
		"[192.0.2.1]:80",
		"[::1%lo]:80",
		"ftp://a:1",
		"http://a:1/x",
		"http://u@a:1",
		"http://:1",
		"a/b:1",
		"a b:1",
		"-a:1",
		"a-:1",
		"a..b:1",
		".a:1",
		"a.:1",
		"127.1:80",
		"0x7f.0x1:80",
		"2130706433:80",
		"0x7f000001:80",
		"1.2.3.4.5:80",
		"/ip4/1.2.3/tcp/1/http",
		"/ip4/1.2.3.4/udp/1/http",
		"/ip4/1.2.3.4/tcp/0/http",
		"/ip4/1.2.3.4/tcp/1/",
		"/ip4/1.2.3.4/tcp/1/ws",
		"/ip4/1.2.3.4/tcp/1/http/tls",
		"/ip4/1.2.3.4/tcp/1/http/http",
		"/ip4/1.2.3.4/tcp/1/p2p/",
		"/ip4/1.2.3.4/tcp/1/p2p/x/http",
		"/ip6/1.2.3.4/tcp/1/http",
		"/dns/1.2.3.4/tcp/1/http",
		"/dns//tcp/1/http",
		"/onion/x/tcp/1/http",
	};
	char label[64 + 8];
	char name[CDX_MADDR_HOST_MAX + 8];
	struct cdx_maddr a;

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(bad); i++)
		if (cdx_maddr_parse(&a, bad[i]) != CDX_E_FORMAT)
			fail_msg("taken: %s", bad[i]);
	memset(label, 'a', sizeof(label));
	memcpy(label + 63, ":80", 4);
	assert_int_equal(cdx_maddr_parse(&a, label), 0);
	memcpy(label + 64, ":80", 4);
	label[63] = 'a';
	assert_int_equal(cdx_maddr_parse(&a, label), CDX_E_FORMAT);
	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = i % 2 ? '.' : 'a';
	memcpy(name + 253, ":80", 4);
	assert_int_equal(cdx_maddr_parse(&a, name), 0);
	name[253] = '.';
	memcpy(name + 255, ":80", 4);
	assert_int_equal(cdx_maddr_parse(&a, name), CDX_E_FORMAT);
}

static void refused_bytes(void **state)
{
	static const char *const bad[] = {
		"",
		"04",
		"04cb007105",		  /* no port */
		"04cb007105060000e003",	  /* port 0 */
		"04cb007105061f86e00300", /* one byte more */
		"04cb007105061f8600",	  /* a code of nothing */
		"04cb007105061f86e003e003",
		"04cb007105061f86e003c003", /* tls after http */
		"04cb007105910202753a",	    /* udp */
		"04cb007105061f86a50300",   /* p2p of nothing */
		"04cb007105061f86a50305616263",
		"8400cb007105061f86e003",	  /* an overlong code */
		"3500061f86e003",		  /* a name of nothing */
		"3503412e62061f86e003",		  /* upper case */
		"350931302e302e302e3178061f",	  /* cut */
		"350831302e302e302e31061f86e003", /* a name that is a number */
		"3503612f62061f86e003",
		"3503610062061f86e003",
		"35ff01061f86e003",
		"9003cb007105061f86e003",
	};
	uint8_t raw[64];
	struct cdx_maddr a;

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(bad); i++) {
		size_t len = strlen(bad[i]) / 2;

		assert_int_equal(cdx_unhex(raw, len, bad[i]), 0);
		if (cdx_maddr_decode(&a, raw, len) != CDX_E_FORMAT)
			fail_msg("taken: %s", bad[i]);
	}
	/* whose peer it is is passed over */
	assert_int_equal(cdx_unhex(raw, 13, "04cb007105061f86a503020000"), 0);
	assert_int_equal(cdx_maddr_decode(&a, raw, 13), 0);
	assert_false(a.http);
	assert_int_equal(a.port, 8070);
}

static void odd_structs(void **state)
{
	struct cdx_maddr a = {.kind = CDX_MADDR_IP4, .port = 1};
	struct cdx_maddr b = a;
	uint8_t bin[CDX_MADDR_BIN_MAX];

	(void)state;
	assert_int_equal(cdx_maddr_encode(bin, &a), 0);
	memcpy(a.host, "::1", sizeof("::1"));
	assert_int_equal(cdx_maddr_encode(bin, &a), 0);
	a.kind = CDX_MADDR_IP6;
	assert_int_not_equal(cdx_maddr_encode(bin, &a), 0);
	a.kind = CDX_MADDR_DNS;
	assert_int_equal(cdx_maddr_encode(bin, &a), 0);
	/* the longest */
	for (size_t i = 0; i < 253; i++)
		a.host[i] = i % 2 ? '.' : 'a';
	a.host[253] = '\0';
	a.tls = true;
	a.http = true;
	assert_int_equal(cdx_maddr_encode(bin, &a), 263);
	assert_int_equal(cdx_maddr_decode(&b, bin, 263), 0);
	assert_true(cdx_maddr_equal(&a, &b));
	b.tls = false;
	assert_false(cdx_maddr_equal(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms),	cmocka_unit_test(usual_forms),
		cmocka_unit_test(refused_text), cmocka_unit_test(refused_bytes),
		cmocka_unit_test(odd_structs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
