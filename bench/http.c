/* SPDX-License-Identifier: MIT */
/* The cells of the HTTP servers: GET / on connections that are kept. */
#include "net.h"

#define BODY_BYTES 14			/* "Hello, world!" and the end of a line, of all of them */

static const struct net_cell cells[] = {
	{ .name = "http_1", .what = "server CPU for a GET, 1 connection; best peer",
	  .connections = 1 },
	{ .name = "http_50", .what = "server CPU for a GET, 50 connections; best peer",
	  .connections = 50 },
	{ .name = "http_1000", .what = "server CPU for a GET, 1000 connections; best peer",
	  .connections = 1000 },
	{ .name = "http_50_pipelined",
	  .what = "server CPU for a GET, 50 connections, 16 under way on each; best peer",
	  .work = NET_PIPELINED, .connections = 50 },
};

unsigned int http_cells(const struct net_cell **ret_cells)
{
	static struct net_cell all[sizeof(cells) / sizeof(cells[0])];

	for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		all[i] = cells[i];
		all[i].is_http = true;
		all[i].size = BODY_BYTES;
	}
	*ret_cells = all;
	return sizeof(cells) / sizeof(cells[0]);
}
