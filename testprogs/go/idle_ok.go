/*
 * Everything that idles by design when main returns: workers without work, a ticker's loop, a poll with sleeps, signals, a
 * server, a timer to come.
 *
 * EXPECT: none
 */
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"time"
)

var jobs = make(chan int, 4)
var config struct {
	sync.Mutex
	version int
}

func main() {
	var done sync.WaitGroup
	for i := 0; i < 8; i++ {
		go func() {
			for range jobs {
				done.Done()
			}
		}()
	}
	go func() {
		for range time.Tick(time.Millisecond) {
			config.Lock()
			config.version++
			config.Unlock()
		}
	}()
	go func() {
		for {
			time.Sleep(3 * time.Millisecond)
		}
	}()
	interrupts, waiting := make(chan os.Signal, 1), make(chan bool)
	signal.Notify(interrupts, os.Interrupt)
	go func() {
		waiting <- true
		<-interrupts
		os.Exit(1)
	}()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go http.Serve(listener, http.NotFoundHandler())
	time.AfterFunc(time.Hour, func() { fmt.Println("late") })
	<-waiting
	done.Add(20)
	for i := 0; i < 20; i++ {
		jobs <- i
	}
	done.Wait()
	response, err := http.Get("http://" + listener.Addr().String() + "/")
	if err != nil {
		panic(err)
	}
	fmt.Println(response.StatusCode)
}
