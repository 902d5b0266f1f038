/*
 * A finalizer tells that its object has gone; nobody listens any more, but the channel has room for the word. So the next
 * finalizer is called some time, and the worker that it tells to stop does not wait for ever.
 *
 * EXPECT: none
 */
package main

import (
	"bytes"
	"fmt"
	"runtime"
	"time"
)

type file struct {
	name   string
	closed chan string
}

type worker struct{ stop chan bool }

//go:noinline
func open(begun chan bool) {
	f := &file{"a", make(chan string, 1)}
	runtime.SetFinalizer(f, func(f *file) {
		close(begun)
		f.closed <- f.name
	})
}

//go:noinline
func employ() {
	w := &worker{make(chan bool)}
	go func(stop chan bool) {
		<-stop
	}(w.stop)
	runtime.SetFinalizer(w, func(w *worker) { close(w.stop) })
}

/* What earlier calls left on the stack is overwritten. */
func clean(depth int) int {
	var used [64]int
	for i := range used {
		used[i] = depth
	}
	if depth > 0 {
		return clean(depth-1) + used[depth%64]
	}
	return 0
}

/* Returns when the runtime says of some goroutine that it is in this state. */
func until(state string) {
	text := make([]byte, 1<<16)
	for !bytes.Contains(text[:runtime.Stack(text, true)], []byte("["+state)) {
		time.Sleep(time.Millisecond)
	}
}

func main() {
	begun := make(chan bool)
	open(begun)
	clean(100)
	for waiting := true; waiting; {
		runtime.GC()
		select {
		case <-begun:
			waiting = false
		case <-time.After(time.Millisecond):
		}
	}
	employ()
	clean(100)
	until("chan receive")
	fmt.Println("done")
}
