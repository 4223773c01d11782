/* SPDX-License-Identifier: MIT */
/*
 * Coil inside GLib's main loop: a GSource of its own. prepare takes a step and says whether there
 * is more to do at once; what is readable, a timer, I/O or a message from a thread, ends the poll.
 */
#include "embed.h"

#include <glib.h>

struct coil_source {
	GSource source;
	struct coil_loop *loop;
	GMainLoop *host;
	gpointer tag;
};

static gboolean source_prepare(GSource *source, gint *timeout_ms)
{
	struct coil_source *self = (struct coil_source *)source;
	int more = coil_loop_step(self->loop, COIL_STEP_EMBED);

	*timeout_ms = -1; /* the descriptor tells of our timers, too */
	if (more >= 0 && coil_loop_alive(self->loop) > 0)
		return more;
	g_main_loop_quit(self->host);
	return TRUE; /* no sleep before it looks at that */
}

static gboolean source_check(GSource *source)
{
	struct coil_source *self = (struct coil_source *)source;

	return g_source_query_unix_fd(source, self->tag) != 0;
}

/* The work is done in the next prepare. */
static gboolean source_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
	(void)source;
	(void)callback;
	(void)data;
	return G_SOURCE_CONTINUE;
}

static gboolean tick(gpointer data)
{
	struct guest *guest = data;

	guest->host_ticks++;
	return G_SOURCE_CONTINUE;
}

int main(void)
{
	static GSourceFuncs functions = {
		.prepare = source_prepare,
		.check = source_check,
		.dispatch = source_dispatch,
	};
	static struct guest guest;
	struct coil_source *source;
	struct coil_loop *loop;

	if (guest_open(&guest, &loop) < 0)
		return 1;
	source = (struct coil_source *)g_source_new(&functions, sizeof *source);
	source->loop = loop;
	source->host = g_main_loop_new(NULL, FALSE);
	source->tag = g_source_add_unix_fd(&source->source, coil_loop_fd(loop), G_IO_IN);
	g_source_attach(&source->source, NULL);
	g_timeout_add(10, tick, &guest);
	g_main_loop_run(source->host);
	g_main_loop_unref(source->host);
	g_source_destroy(&source->source);
	g_source_unref(&source->source);
	return guest_close(&guest, loop);
}
