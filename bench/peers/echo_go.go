// SPDX-License-Identifier: MIT

// echo_go: a goroutine for each connection, as every Go book has it.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
)

const readBytes = 65536

// Counted by all goroutines.
var requests, bytes, connections uint64

func serve(conn net.Conn) {
	defer conn.Close()
	buffer := make([]byte, readBytes)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return
		}
		atomic.AddUint64(&requests, 1)
		atomic.AddUint64(&bytes, uint64(n))
		if _, err = conn.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		atomic.AddUint64(&connections, 1)
		go serve(conn)
	}
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
	go accept(listener)
	<-ended
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	cpu := (usage.Utime.Sec+usage.Stime.Sec)*1000000 + int64(usage.Utime.Usec) + int64(usage.Stime.Usec)
	fmt.Println("stats requests", atomic.LoadUint64(&requests), "bytes", atomic.LoadUint64(&bytes),
		"connections", atomic.LoadUint64(&connections), "syscalls 0 cpu_us", cpu)
	listener.Close()
}
