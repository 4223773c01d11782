// SPDX-License-Identifier: MIT
//
// echo_asio - Asio with callbacks, one thread, built twice: on epoll, and with ASIO_HAS_IO_URING
// and ASIO_DISABLE_EPOLL on io_uring. Asio comes as itself or with Boost: PEER_BOOST tells.
#include "peer.h"

#include <array>
#include <cstdio>
#include <memory>

#ifdef PEER_BOOST
#include <boost/asio.hpp>
namespace asio = boost::asio;
using asio_error = boost::system::error_code;
#else
#include <asio.hpp>
using asio_error = asio::error_code;
#endif

static struct peer peer;

template <typename Protocol> class connection
	: public std::enable_shared_from_this<connection<Protocol>> {
public:
	explicit connection(typename Protocol::socket socket) : socket_(std::move(socket)) {}

	void read()
	{
		auto self = this->shared_from_this();

		socket_.async_read_some(asio::buffer(bytes_), [self](asio_error error, size_t n) {
			if (error)
				return;
			peer.requests++;
			peer.bytes += n;
			self->write(n);
		});
	}

private:
	void write(size_t n)
	{
		auto self = this->shared_from_this();

		asio::async_write(socket_, asio::buffer(bytes_, n),
				  [self](asio_error error, size_t) {
			if (!error)
				self->read();
		});
	}

	typename Protocol::socket socket_;
	std::array<char, PEER_READ_BYTES> bytes_;
};

static void set_options(asio::ip::tcp::socket &socket)
{
	asio_error ignored;

	socket.set_option(asio::ip::tcp::no_delay(true), ignored);
}

static void set_options(asio::local::stream_protocol::socket &)
{
}

template <typename Protocol> static void accept(typename Protocol::acceptor &acceptor)
{
	acceptor.async_accept([&acceptor](asio_error error, typename Protocol::socket socket) {
		if (error == asio::error::operation_aborted)
			return;
		if (!error) {
			set_options(socket);
			peer.connections++;
			std::make_shared<connection<Protocol>>(std::move(socket))->read();
		}
		accept<Protocol>(acceptor);
	});
}

template <typename Protocol>
static void serve(asio::io_context &context, const typename Protocol::endpoint &endpoint)
{
	typename Protocol::acceptor acceptor(context);

	acceptor.open(endpoint.protocol());
	acceptor.set_option(asio::socket_base::reuse_address(true));
	acceptor.bind(endpoint);
	acceptor.listen(PEER_BACKLOG);
	if constexpr (std::is_same_v<Protocol, asio::ip::tcp>)
		peer_say_where(&peer, acceptor.local_endpoint().port());
	else
		peer_say_where(&peer, 0);
	accept<Protocol>(acceptor);
	context.run();
}

int main(int argc, char **argv)
{
	peer = peer_parse(argc, argv);
	try {
		asio::io_context context(1);
		asio::signal_set signals(context, SIGINT, SIGTERM);

		signals.async_wait([&context](asio_error, int) { context.stop(); });
		if (peer.unix_path)
			serve<asio::local::stream_protocol>(context, {peer.unix_path});
		else
			serve<asio::ip::tcp>(context, {asio::ip::address_v4::loopback(),
						       static_cast<uint16_t>(peer.port)});
	} catch (const std::exception &trouble) {
		std::fprintf(stderr, "%s: %s\n", argv[0], trouble.what());
		return 1;
	}
	peer_finish(&peer);
	return 0;
}
