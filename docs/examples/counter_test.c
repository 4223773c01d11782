/* SPDX-License-Identifier: MIT */
/*
 * The test of counter.c: the service and its clients in one program, on the simulated kernel, under
 * 500 seeds; or under the one of the environment, COIL_SIM_SEED. Stops at the first that fails.
 */
#include <coil.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIENTS 2
#define ROUNDS 5

int counter_serve(void *listener);

/* A line, without its end: the service answers one at a time. */
static int read_answer(struct coil_stream *stream, char *line, size_t bytes)
{
	size_t got = 0;
	int n = 1;

	while (n > 0 && got < bytes - 1 && (got == 0 || line[got - 1] != '\n')) {
		n = coil_stream_read(stream, line + got, bytes - 1 - got);
		got += n > 0 ? (size_t)n : 0;
	}
	line[got] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return n > 0 ? 0 : -1;
}

/* Others add, too: the sum is what it was, and 100, or more. */
static int add_once(struct coil_stream *stream, long *sum)
{
	char line[64] = "";
	int rc = coil_stream_write(stream, "add 100\n", 8) == 8 ? 0 : -1;

	if (rc == 0)
		rc = read_answer(stream, line, sizeof line);
	if (rc == 0 && strtol(line, NULL, 10) < *sum + 100) {
		printf("the sum was %ld; 'add 100' is answered with '%s'\n", *sum, line);
		rc = -1;
	}
	*sum = strtol(line, NULL, 10);
	return rc;
}

static int client(void *port)
{
	struct coil_stream *stream;
	long sum = 0;
	int rc = coil_connect_tcp(&stream, "127.0.0.1", port, NULL);

	if (rc < 0)
		return rc;
	for (int i = 0; i < ROUNDS && rc == 0; i++) {
		coil_sleep(coil_sim_pick(1000) * COIL_USEC);
		rc = add_once(stream, &sum);
	}
	coil_stream_close(stream);
	return rc;
}

static int service_and_clients(void *arg)
{
	struct coil_listener *listener;
	struct coil_task *service;
	struct coil_group clients;
	char port[8];
	int rc = coil_listen_tcp(&listener, "127.0.0.1", 0, NULL);

	(void)arg;
	if (rc < 0)
		return rc;
	snprintf(port, sizeof port, "%d", coil_listener_port(listener));
	service = coil_spawn(counter_serve, listener);
	coil_group_open(&clients, COIL_GROUP_FAIL_FAST);
	for (int i = 0; i < CLIENTS; i++)
		coil_go(&clients, client, port);
	rc = coil_group_close(&clients);
	coil_cancel(service);
	coil_join(service);
	return rc;
}

int main(void)
{
	bool replays = getenv("COIL_SIM_SEED") != NULL;

	for (uint64_t seed = 1; seed <= 500; seed++) {
		struct coil_sim_result result = {.size = sizeof result};
		struct coil_sim_options options = {
			.size = sizeof options,
			.seed = replays ? 0 : seed,
			.profile = COIL_SIM_ODD,
			.result = &result,
		};

		if (coil_sim_run(&options, service_and_clients, NULL) != 0) {
			printf("troubles: %s\n", result.troubles);
			printf("replay with COIL_SIM_SEED=%" PRIu64 "\n", result.seed);
			return 1;
		}
		if (replays)
			break;
	}
	printf("%s\n", replays ? "the seed passes" : "500 seeds pass");
	return 0;
}
