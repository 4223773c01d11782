/* SPDX-License-Identifier: MIT */
/*
 * One connection of the load. In a closed loop with little under way one task sends and receives;
 * where a send could wait for the server to be read (much under way), or has a time of its own
 * (open loop), a second task sends.
 */
#include "load_private.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define ALONE_BYTES_MAX 65536	/* fit into the sockets' buffers */
#define PAUSE_MIN_NS (10 * COIL_MSEC)
#define PAUSE_MAX_NS COIL_SEC
#define SESSION_OVER 1		/* the connection ends in order */

/* -- What happened ----------------------------------------------------------------------------- */

static enum load_error error_kind(int error)
{
	switch (-error) {
	case ECONNREFUSED:
	case ENOENT:
		return LOAD_REFUSED;
	case ECONNRESET:
	case EPIPE:
		return LOAD_RESET;
	case ENODATA:
		return LOAD_CLOSED;
	case ETIME:
	case ETIMEDOUT:
		return LOAD_TIMEOUT;
	case EBADMSG:
	case EMSGSIZE:
	case EPROTO:
		return LOAD_MALFORMED;
	default:
		return LOAD_OTHER;
	}
}

static bool is_planned_in_window(const struct load *load, int64_t planned_ns)
{
	return load->measure_from_ns && planned_ns >= load->measure_from_ns &&
	       planned_ns < load->measure_until_ns;
}

/* Everything under way is lost with the connection. */
static void note_failure(struct load_connection *connection, int error)
{
	struct load *load = connection->load;
	struct load_result *result = load->result;
	uint64_t count = connection->in_flight ? connection->in_flight : 1;

	for (unsigned int i = 0; i < connection->in_flight; i++) {
		unsigned int at = (connection->head + i) % load->options->pipeline;

		load->lost += is_planned_in_window(load, connection->requests[at].planned_ns);
	}
	connection->in_flight = 0;
	connection->got = 0;
	if (load->is_over)
		return;
	result->errors[error_kind(error)] += count;
	if (result->first_error == 0)
		result->first_error = error;
	/* Nobody waits for what will not come. */
	if (!coil_future_done(&load->all_connected.future))
		coil_promise_resolve(&load->all_connected, error);
}

static void note_status(struct load_result *result, int code)
{
	for (unsigned int i = 0; i < LOAD_STATUSES; i++) {
		struct load_status *status = &result->statuses[i];

		if (status->code && status->code != code && i + 1 < LOAD_STATUSES)
			continue;
		status->code = status->count && status->code != code ? -1 : code;
		status->count++;
		return;
	}
}

static void note_answer(struct load_connection *connection)
{
	struct load *load = connection->load;
	const struct load_request *request = &connection->requests[connection->head];
	int64_t now = coil_now();

	connection->head = (connection->head + 1) % load->options->pipeline;
	connection->in_flight--;
	connection->answered++;
	if (connection->is_writer_waiting) {
		connection->is_writer_waiting = false;
		coil_promise_resolve(&connection->room, 0);
	}
	if (load->options->rate > 0) {
		if (load->is_over || !is_planned_in_window(load, request->planned_ns))
			return;
		coil_bench_histogram_add(&load->result->service,
					 (uint64_t)(now - request->sent_ns), 1);
	} else if (!load->is_counting) {
		return;
	}
	load->result->requests++;
	if (connection->http)
		note_status(load->result, connection->http->status);
	coil_bench_histogram_add(&load->interval, (uint64_t)(now - request->planned_ns), 1);
}

/* -- Receiving --------------------------------------------------------------------------------- */

static ssize_t take_echo(struct load_connection *connection, const char *bytes, size_t count)
{
	struct load *load = connection->load;
	size_t left = load->answer_bytes - connection->got;
	size_t part = count < left ? count : left;

	if (load->options->answer == 0 &&
	    memcmp(bytes, load->message + connection->got, part) != 0)
		return -EBADMSG;
	connection->got += part;
	if (connection->got == load->answer_bytes) {
		connection->got = 0;
		note_answer(connection);
	}
	return (ssize_t)part;
}

/* SESSION_OVER after the last answer of this connection is told by http->is_close. */
static ssize_t take_http(struct load_connection *connection, const char *bytes, size_t count)
{
	struct load_http *http = connection->http;
	ssize_t part;

	if (http->state == LOAD_HTTP_DONE)
		load_http_init(http);
	part = load_http_feed(http, bytes, count);
	if (part >= 0 && http->state == LOAD_HTTP_DONE)
		note_answer(connection);
	return part;
}

/* Reads what has come. 0; SESSION_OVER; or a negative errno. */
static int take(struct load_connection *connection, const char *bytes, size_t count)
{
	struct load *load = connection->load;

	if (load->is_counting)
		load->result->bytes += count;
	while (count) {
		ssize_t part;

		/* An answer that nobody asked for. */
		if (connection->in_flight == 0)
			return -EBADMSG;
		part = connection->http ? take_http(connection, bytes, count)
					: take_echo(connection, bytes, count);
		if (part < 0)
			return (int)part;
		bytes += part;
		count -= (size_t)part;
		if (connection->http && connection->http->state == LOAD_HTTP_DONE &&
		    connection->http->is_close)
			return SESSION_OVER;
	}
	return load->options->is_churn && connection->in_flight == 0 ? SESSION_OVER : 0;
}

/* The server has closed: that may be how a body ends. */
static int take_end(struct load_connection *connection)
{
	if (connection->in_flight == 0)
		return connection->http ? SESSION_OVER : -ENODATA;
	if (connection->http && connection->http->state == LOAD_HTTP_UNTIL_END &&
	    load_http_end(connection->http) == 0) {
		note_answer(connection);
		return SESSION_OVER;
	}
	return -ENODATA;
}

static int receive(struct load_connection *connection)
{
	int n = coil_stream_read(connection->stream, connection->buffer,
				 connection->load->buffer_bytes);

	if (n == 0)
		return take_end(connection);
	return n < 0 ? n : take(connection, connection->buffer, (size_t)n);
}

/* -- Sending ----------------------------------------------------------------------------------- */

static int send_messages(struct load_connection *connection, unsigned int count)
{
	const struct load *load = connection->load;

	while (count) {
		unsigned int part = count < load->copies ? count : load->copies;
		size_t bytes = part * load->message_bytes;
		int n = coil_stream_write(connection->stream, load->message, bytes);

		if (n < (int)bytes)
			return n < 0 ? n : -ECANCELED;
		count -= part;
	}
	return 0;
}

static void begin_request(struct load_connection *connection, int64_t planned_ns, int64_t now)
{
	unsigned int at = (connection->head + connection->in_flight) %
			  connection->load->options->pipeline;

	connection->requests[at] = (struct load_request){ planned_ns, now };
	connection->in_flight++;
}

/* All that there is room for. */
static int refill(struct load_connection *connection)
{
	unsigned int count = connection->load->options->pipeline - connection->in_flight;
	int64_t now = coil_now();

	for (unsigned int i = 0; i < count; i++)
		begin_request(connection, now, now);
	return send_messages(connection, count);
}

static int wait_for_room(struct load_connection *connection)
{
	int rc = 0;

	while (rc == 0 && connection->in_flight == connection->load->options->pipeline) {
		coil_promise_init(&connection->room);
		connection->is_writer_waiting = true;
		rc = coil_await(&connection->room.future);
		connection->is_writer_waiting = false;
		coil_promise_deinit(&connection->room);
	}
	return rc;
}

int64_t load_connection_planned(const struct load_connection *connection, uint64_t number)
{
	const struct load *load = connection->load;

	return load_schedule_time(&load->schedule,
				  connection->index + number * load->options->connections);
}

/* Sends what is due, or waits until something is. 0; 1 at the end of the plan; or an error. */
static int keep_schedule(struct load_connection *connection)
{
	struct load *load = connection->load;
	int64_t planned = load_connection_planned(connection, connection->next);
	unsigned int count = 0;
	int64_t now;
	int rc;

	if (planned >= load->measure_until_ns)
		return 1;
	now = coil_now();
	if (planned > now) {
		rc = coil_sleep_until(planned);
		if (rc < 0)
			return rc;
	}
	rc = wait_for_room(connection);
	if (rc < 0)
		return rc;
	now = coil_now();
	while (planned <= now && planned < load->measure_until_ns &&
	       connection->in_flight < load->options->pipeline) {
		begin_request(connection, planned, now);
		planned = load_connection_planned(connection, ++connection->next);
		count++;
	}
	return send_messages(connection, count);
}

static int writer_main(void *arg)
{
	struct load_connection *connection = arg;
	int rc;

	do {
		rc = wait_for_room(connection);
		if (rc == 0)
			rc = connection->load->options->rate > 0 ? keep_schedule(connection)
								 : refill(connection);
	} while (rc == 0);
	if (rc < 0)
		return rc;
	connection->is_writer_done = true;
	if (connection->in_flight == 0)
		coil_group_cancel(connection->group);
	return 0;
}

/* -- Sessions ---------------------------------------------------------------------------------- */

static int talk_alone(struct load_connection *connection)
{
	int rc;

	do {
		rc = connection->in_flight < connection->load->options->pipeline ?
			     refill(connection) : 0;
		if (rc == 0)
			rc = receive(connection);
	} while (rc == 0);
	return rc;
}

static int talk_in_two(struct load_connection *connection)
{
	struct coil_group group;
	int rc, rc_writer;

	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	connection->group = &group;
	rc = coil_go(&group, writer_main, connection);
	while (rc == 0) {
		rc = receive(connection);
		if (rc == 0 && connection->is_writer_done && connection->in_flight == 0)
			rc = SESSION_OVER;
	}
	if (connection->is_writer_done && connection->in_flight == 0)
		rc = SESSION_OVER;
	coil_group_cancel(&group);
	rc_writer = coil_group_close(&group);
	connection->group = NULL;
	return rc == -ECANCELED && rc_writer < 0 ? rc_writer : rc;
}

static bool needs_two(const struct load *load)
{
	const struct load_options *options = load->options;

	return options->rate > 0 || load->message_bytes * options->pipeline > ALONE_BYTES_MAX;
}

/* From one connect to its close, inside a scope by which the watchdog ends it. */
static int session(struct load_connection *connection)
{
	struct coil_scope scope;
	int rc;

	coil_scope_open(&scope);
	connection->scope = &scope;
	if (connection->http)
		load_http_init(connection->http);
	rc = needs_two(connection->load) ? talk_in_two(connection) : talk_alone(connection);
	connection->scope = NULL;
	coil_scope_close(&scope);
	return rc;
}

static int open_stream(void *arg)
{
	struct load_connection *connection = arg;
	const struct load_target *target = &connection->load->options->target;

	if (target->unix_path[0])
		return coil_connect_unix(&connection->stream, target->unix_path, NULL);
	return coil_connect_tcp(&connection->stream, target->host, target->service, NULL);
}

/* With a reset, so that a thousand of them a second leave nothing behind in TIME_WAIT. */
static void reset_stream(struct load_connection *connection)
{
	const struct linger at_once = { .l_onoff = 1 };

	setsockopt(coil_stream_fd(connection->stream), SOL_SOCKET, SO_LINGER, &at_once,
		   sizeof(at_once));
}

static int note_connected(struct load_connection *connection)
{
	struct load *load = connection->load;

	if (load->is_counting)
		load->result->connects++;
	if (!connection->has_connected) {
		connection->has_connected = true;
		if (++load->connected == load->options->connections &&
		    !coil_future_done(&load->all_connected.future))
			coil_promise_resolve(&load->all_connected, 0);
	}
	/* Those that talk would hold up those that connect, if that is not what is asked for. */
	if (load->options->ramp_ns == 0 || load->options->rate > 0)
		return coil_await(&load->go.future);
	return 0;
}

static int connect_and_talk(struct load_connection *connection)
{
	struct load *load = connection->load;
	int64_t began = coil_now();
	int rc = coil_timeout(load->options->timeout_ns, open_stream, connection);

	if (rc < 0)
		return rc;
	rc = note_connected(connection);
	if (rc == 0 && load->options->is_churn) {
		/* The connection is part of the request. */
		begin_request(connection, began, began);
		rc = send_messages(connection, 1);
	}
	if (rc == 0)
		rc = session(connection);
	if (load->options->is_churn && !load->options->target.unix_path[0])
		reset_stream(connection);
	coil_stream_close(connection->stream);
	connection->stream = NULL;
	return rc;
}

/* Nobody listens any more. */
static bool is_hopeless(int rc)
{
	return rc == -ECONNREFUSED || rc == -ENOENT || rc == -ENOMEM;
}

int load_connection_main(void *arg)
{
	struct load_connection *connection = arg;
	struct load *load = connection->load;
	int64_t pause = PAUSE_MIN_NS;
	int rc;

	while (!load->is_over && !connection->is_writer_done) {
		uint64_t answered = connection->answered;

		rc = connect_and_talk(connection);
		/* The measuring ends; perhaps nobody has said so yet but the cancel itself. */
		if (coil_cancelling())
			break;
		if (rc < 0 || connection->in_flight)
			note_failure(connection, rc < 0 ? rc : -ENODATA);
		if (rc < 0 && (!load->is_started || load->is_over || is_hopeless(rc)))
			break;
		if (connection->answered != answered)
			pause = PAUSE_MIN_NS;
		if (rc == SESSION_OVER && connection->answered != answered)
			continue;
		if (coil_sleep(pause) < 0)
			break;
		pause = pause < PAUSE_MAX_NS / 2 ? pause * 2 : PAUSE_MAX_NS;
	}
	if (--load->clients == 0)
		coil_promise_resolve(&load->all_gone, 0);
	return 0;
}
