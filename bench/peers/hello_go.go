// SPDX-License-Identifier: MIT

// hello_go: net/http, as every Go book has it.
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

var body = []byte("Hello, world!\n")

// Counted by all goroutines.
var requests, connections uint64

func hello(answer http.ResponseWriter, request *http.Request) {
	atomic.AddUint64(&requests, 1)
	answer.Header().Set("Content-Type", "text/plain")
	answer.Write(body)
}

func main() {
	port := flag.Int("port", 0, "port; 0 takes a free one")
	path := flag.String("unix", "", "a unix socket instead")
	flag.Parse()
	network, address := "tcp", fmt.Sprintf("127.0.0.1:%d", *port)
	if *path != "" {
		os.Remove(*path)
		network, address = "unix", *path
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("listening on", listener.Addr())
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGINT, syscall.SIGTERM)
	server := &http.Server{
		Handler:           http.HandlerFunc(hello),
		IdleTimeout:       60 * time.Second,
		ReadHeaderTimeout: 10 * time.Second,
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				atomic.AddUint64(&connections, 1)
			}
		},
	}
	go server.Serve(listener)
	<-ended
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	cpu := (usage.Utime.Sec+usage.Stime.Sec)*1000000 + int64(usage.Utime.Usec) + int64(usage.Stime.Usec)
	count := atomic.LoadUint64(&requests)
	fmt.Println("stats requests", count, "bytes", count*uint64(len(body)), "connections",
		atomic.LoadUint64(&connections), "syscalls 0 cpu_us", cpu)
	server.Close()
}
