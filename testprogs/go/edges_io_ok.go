/*
 * What goes through a pipe, a socket or a process orders as well: who writes is before who reads it.
 *
 * EXPECT: none
 * MODE: go gorace
 */
package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

/* One writes to a variable, then to w; the other reads from r, then the variable. */
func through(r io.Reader, w io.Writer) int {
	shared := 0
	go func() {
		shared = 1
		w.Write([]byte{1})
	}()
	io.ReadFull(r, make([]byte, 1))
	return shared
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func sockets(network, address string) int {
	listener, err := net.Listen(network, address)
	check(err)
	defer listener.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		c, err := listener.Accept()
		check(err)
		accepted <- c
	}()
	client, err := net.Dial(network, listener.Addr().String())
	check(err)
	defer client.Close()
	server := <-accepted
	defer server.Close()
	return through(server, client) + through(client, server)
}

/* A time limit ends a read that nothing comes to. */
func limited() bool {
	a, b := net.Pipe()
	defer b.Close()
	a.SetReadDeadline(time.Now().Add(time.Millisecond))
	_, err := a.Read(make([]byte, 1))
	listener, _ := net.Listen("tcp", "127.0.0.1:0")
	defer listener.Close()
	listener.(*net.TCPListener).SetDeadline(time.Now().Add(time.Millisecond))
	_, late := listener.Accept()
	return errors.Is(err, os.ErrDeadlineExceeded) && errors.Is(late, os.ErrDeadlineExceeded)
}

/* What a process writes is copied by goroutines that Wait awaits. */
func process() string {
	command := exec.Command("cat")
	in, err := command.StdinPipe()
	check(err)
	go func() {
		io.WriteString(in, "through cat")
		in.Close()
	}()
	out, err := command.Output()
	check(err)
	return string(out)
}

func main() {
	r, w, err := os.Pipe()
	check(err)
	a, b := net.Pipe()
	folder, err := os.MkdirTemp("", "edges")
	check(err)
	defer os.RemoveAll(folder)
	fmt.Println(through(r, w), through(a, b), through(b, a))
	fmt.Println(sockets("tcp", "127.0.0.1:0"), sockets("unix", filepath.Join(folder, "socket")))
	fmt.Println(limited(), process())
}
