/* SPDX-License-Identifier: MIT */
/*
 * An echo service that shuts down gracefully: Ctrl-C cancels serve(), which cancels its
 * connections and waits for them. With --once it serves one client of its own, and ends.
 */
#include <coil.h>
#include <stdio.h>
#include <string.h>

static int echo(void *arg)
{
	struct coil_stream *s = arg;
	char buf[4096];
	int n;

	while ((n = coil_stream_read(s, buf, sizeof buf)) > 0)
		if ((n = coil_stream_write(s, buf, (size_t)n)) < 0)
			break;
	coil_stream_close(s); /* releasing works in a cancelled scope too */
	return n;
}

static int serve(void *arg)
{
	struct coil_listener *l;
	struct coil_stream *s;
	struct coil_group g;
	int rc;

	(void)arg;
	rc = coil_listen_tcp(&l, "127.0.0.1", 7000, NULL);
	if (rc < 0)
		return rc;
	coil_group_open(&g, COIL_GROUP_SUPERVISE);
	while ((rc = coil_accept(l, &s)) >= 0)
		if (coil_go(&g, echo, s) < 0) /* no handle: freed when it ends */
			coil_stream_close(s);
	coil_listener_close(l);
	return coil_group_close(&g); /* cancelled: so are the children, and they are waited for */
}

static int talk(void *arg)
{
	struct coil_stream *s;
	char buf[64];
	int n;

	(void)arg;
	n = coil_connect_tcp(&s, "127.0.0.1", "7000", NULL);
	if (n < 0)
		return n;
	n = coil_stream_write(s, "is anybody there?", 17);
	if (n > 0)
		n = coil_stream_read(s, buf, sizeof buf);
	if (n > 0)
		printf("%.*s\n", n, buf);
	coil_stream_close(s);
	return n == 17 ? 0 : -1;
}

static int once(void *arg)
{
	struct coil_task *service = coil_spawn(serve, NULL);
	int rc;

	coil_sleep(50 * COIL_MSEC);
	rc = coil_timeout(5 * COIL_SEC, talk, arg);
	coil_cancel(service);
	coil_join(service);
	return rc;
}

int main(int argc, char **argv)
{
	int rc = coil_run(argc > 1 && !strcmp(argv[1], "--once") ? once : serve, NULL);

	if (rc < 0)
		fprintf(stderr, "echo: %s\n", coil_strerror(rc));
	return rc < 0;
}
