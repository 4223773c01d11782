/* SPDX-License-Identifier: MIT */
/*
 * getaddrinfo blocks for as long as it likes and cannot be stopped. So it runs on another thread,
 * on a copy of the request, and the task that waits may leave it behind. The threads are a pool of
 * their own: names that nobody answers must not hold up what the program offloads.
 */
#include "net/resolve.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/sized.h"
#include "coil/pool.h"
#include "coil/time.h"
#include "coil/work.h"
#include "task/task.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HOST_BYTES 1025 /* NI_MAXHOST */
#define SERVICE_BYTES 64
#define THREADS_MAX 8
#define ENTRIES_DEFAULT 256
#define AGE_DEFAULT_NS (30 * COIL_SEC)
#define CACHE_CHECK_WORD 0x0cac4e5au

struct resolve_request {
	struct coil_loop *loop;
	const struct driver_calls *calls;
	bool is_cached;
	char host[HOST_BYTES];
	char service[SERVICE_BYTES];
	struct sockaddr_storage storages[RESOLVE_ADDRESSES_MAX];
	socklen_t bytes[RESOLVE_ADDRESSES_MAX];
	struct address addresses[RESOLVE_ADDRESSES_MAX];
};

struct entry {
	struct coil_list link;
	int64_t deadline;
	int n;
	struct resolve_request request;
};

struct coil_resolve_cache {
	struct coil_loop *loop;
	struct coil_list entries; /* struct entry; the one used last comes first */
	int64_t age_ns;
	unsigned count;
	unsigned max;
	unsigned users;		  /* queries under way that will be kept */
	uint32_t check_word;
};

void resolve_free(struct resolve_request *request)
{
	alloc_free(request->loop->alloc, request, sizeof *request);
}

struct address *resolve_addresses(struct resolve_request *request)
{
	return request->addresses;
}

/* -- Asking --------------------------------------------------------------------------------------
 */

/* On the other thread, which has a copy: the loop may be gone. */
static int ask(void *arg)
{
	struct resolve_request *request = arg;

	return request->calls->resolve(request->host,
				       request->service[0] ? request->service : NULL, 0,
				       request->storages, request->bytes, RESOLVE_ADDRESSES_MAX);
}

static int request_fill(struct resolve_request *request, const char *host, const char *service)
{
	int host_bytes = snprintf(request->host, sizeof request->host, "%s", host);
	int service_bytes =
		snprintf(request->service, sizeof request->service, "%s", service ? service : "");

	/* No name is so long. */
	if (host_bytes <= 0 || host_bytes >= HOST_BYTES || service_bytes >= SERVICE_BYTES)
		return -ENOENT;
	return 0;
}

/* It lasts until the loop ends. */
static int names_pool(struct coil_pool **ret_pool)
{
	static const struct coil_pool_options options = {
		.size = sizeof options, .name = "names", .threads_max = THREADS_MAX
	};
	struct scheduler *s = scheduler_required("coil_resolve");
	int rc = s->names ? 0 : coil_pool_open(&s->names, &options);

	*ret_pool = s->names;
	return rc;
}

static int request_ask(struct resolve_request *request)
{
	struct coil_offload_options options = {
		.size = sizeof options,
		.flags = COIL_OFFLOAD_ABANDON,
		.arg_bytes = sizeof *request,
		.name = "getaddrinfo",
	};
	int n = names_pool(&options.pool);

	if (n == 0)
		n = coil_offload_with(&options, ask, request);
	for (int i = 0; i < n; i++) {
		request->addresses[i].storage = request->storages[i];
		request->addresses[i].bytes = request->bytes[i];
	}
	return n == 0 ? -ENOENT : n;
}

/* -- The cache -----------------------------------------------------------------------------------
 */

static void entry_drop(struct coil_resolve_cache *cache, struct entry *entry)
{
	list_remove(&entry->link);
	cache->count--;
	alloc_free(cache->loop->alloc, entry, sizeof *entry);
}

/* What is known of it and not too old, moved to the front; or NULL. */
static struct entry *cache_look(struct coil_resolve_cache *cache,
				const struct resolve_request *asked)
{
	struct coil_list *node;

	list_for_each(node, &cache->entries) {
		struct entry *entry = list_entry(node, struct entry, link);

		if (strcmp(entry->request.host, asked->host) != 0 ||
		    strcmp(entry->request.service, asked->service) != 0)
			continue;
		if (coil_now() >= entry->deadline) {
			entry_drop(cache, entry);
			return NULL;
		}
		list_remove(&entry->link);
		list_push_front(&cache->entries, &entry->link);
		return entry;
	}
	return NULL;
}

/* Fills @asked with the answer that is known: the count; or 0. */
static int cache_find(struct coil_resolve_cache *cache, struct resolve_request *asked)
{
	const struct entry *entry = cache_look(cache, asked);

	if (!entry)
		return 0;
	*asked = entry->request;
	asked->is_cached = true;
	return entry->n;
}

/* Without memory it is not kept: the caller has its answer. */
static void cache_keep(struct coil_resolve_cache *cache, const struct resolve_request *request,
		       int n)
{
	struct entry *entry;

	/* Somebody else may have asked the same meanwhile. */
	if (cache_look(cache, request))
		return;
	entry = alloc_zeroed(cache->loop->alloc, sizeof *entry);
	if (!entry)
		return;
	if (cache->count == cache->max)
		entry_drop(cache, list_entry(cache->entries.prev, struct entry, link));
	list_init(&entry->link);
	entry->request = *request;
	entry->n = n;
	entry->deadline = clock_add(coil_now(), cache->age_ns);
	list_push_front(&cache->entries, &entry->link);
	cache->count++;
}

static void cache_check_use(const struct coil_resolve_cache *cache)
{
	check_use(cache->check_word == CACHE_CHECK_WORD,
		  "this is no open cache: was it closed before?");
	check_use(cache->loop == loop_current, "this cache belongs to the loop of another thread");
}

int coil_resolve_cache_open(struct coil_resolve_cache **ret_cache,
			    const struct coil_resolve_cache_options *given)
{
	struct coil_loop *loop = loop_required(__func__);
	struct coil_resolve_cache_options options;
	struct coil_resolve_cache *cache;
	int rc = sized_read(&options, given, sizeof options);

	if (rc < 0)
		return rc;
	if (options.age_ns < 0)
		return -EINVAL;
	cache = alloc_zeroed(loop->alloc, sizeof *cache);
	if (!cache)
		return -ENOMEM;
	cache->loop = loop;
	list_init(&cache->entries);
	cache->max = options.entries_max ? options.entries_max : ENTRIES_DEFAULT;
	cache->age_ns = options.age_ns ? options.age_ns : AGE_DEFAULT_NS;
	cache->check_word = CACHE_CHECK_WORD;
	*ret_cache = cache;
	return 0;
}

void coil_resolve_cache_clear(struct coil_resolve_cache *cache)
{
	cache_check_use(cache);
	while (!list_is_empty(&cache->entries))
		entry_drop(cache, list_entry(cache->entries.next, struct entry, link));
}

void coil_resolve_cache_close(struct coil_resolve_cache *cache)
{
	if (!cache)
		return;
	coil_resolve_cache_clear(cache);
	check_use(cache->users == 0, "%u calls use this cache", cache->users);
	cache->check_word = 0;
	alloc_free(cache->loop->alloc, cache, sizeof *cache);
}

/* -- Both ----------------------------------------------------------------------------------------
 */

static int find_or_ask(struct coil_resolve_cache *cache, struct resolve_request *request)
{
	int n = cache ? cache_find(cache, request) : 0;

	if (n > 0)
		return n;
	if (cache)
		cache->users++;
	n = request_ask(request);
	if (cache)
		cache->users--;
	if (cache && n > 0)
		cache_keep(cache, request, n);
	return n;
}

int resolve_by(struct coil_resolve_cache *cache, const char *host, const char *service,
	       struct resolve_request **ret_request)
{
	struct coil_loop *loop = loop_required("coil_resolve");
	struct resolve_request *request;
	int rc;

	if (cache)
		cache_check_use(cache);
	request = alloc_zeroed(loop->alloc, sizeof *request);
	if (!request)
		return -ENOMEM;
	request->loop = loop;
	request->calls = loop->driver->ops->calls;
	rc = request_fill(request, host, service);
	if (rc == 0)
		rc = find_or_ask(cache, request);
	if (rc < 0)
		resolve_free(request);
	else
		*ret_request = request;
	return rc;
}

int resolve(struct coil_loop *loop, const char *host, const char *service,
	    struct resolve_request **ret_request)
{
	(void)loop;
	return resolve_by(NULL, host, service, ret_request);
}

/* Those of @family, at most @max: how many. */
static int publish(struct resolve_request *request, int n, struct coil_address *ret_addresses,
		   const struct coil_resolve_options *options, size_t max, int port)
{
	size_t count = 0;

	for (int i = 0; i < n && count < max; i++) {
		struct address *address = &request->addresses[i];

		if (options->family && options->family != address->storage.ss_family)
			continue;
		if (port >= 0)
			address_set_port(&address->storage, port);
		address_publish(address, &ret_addresses[count]);
		if (request->is_cached)
			ret_addresses[count].flags = COIL_ADDRESS_CACHED;
		count++;
	}
	return count ? (int)count : -ENOENT;
}

static int read_options(const struct coil_resolve_options *given,
			struct coil_resolve_options *options)
{
	int rc = sized_read(options, given, sizeof *options);

	if (rc < 0)
		return rc;
	if (options->family && options->family != AF_INET && options->family != AF_INET6)
		return -EINVAL;
	return 0;
}

int coil_resolve(struct coil_address *ret_addresses, size_t max, const char *host,
		 const struct coil_resolve_options *given)
{
	struct coil_resolve_options options;
	struct resolve_request *request;
	int rc = read_options(given, &options);
	int port = rc == 0 && options.service ? address_parse_port(options.service) : 0;

	if (rc < 0)
		return rc;
	if (max == 0)
		return -EINVAL;
	if (port < 0 && port != -ENOENT)
		return port;
	if (port >= 0 && coil_address_parse(ret_addresses, host, port) == 0) {
		ret_addresses->flags = COIL_ADDRESS_NUMERIC;
		return options.family && options.family != ret_addresses->storage.ss_family
			       ? -ENOENT
			       : 1;
	}
	rc = resolve_by(options.cache, host, port < 0 ? options.service : NULL, &request);
	if (rc < 0)
		return rc;
	rc = publish(request, rc, ret_addresses, &options, max, port);
	resolve_free(request);
	return rc;
}
