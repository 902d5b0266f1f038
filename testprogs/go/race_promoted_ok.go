/*
 * A method promoted through an embedded interface, called while another goroutine writes another field
 * under a lock: the call reads the embedded interface alone, though gccgo's stub for it copies the
 * whole receiver.
 *
 * EXPECT: none
 * MODE: gorace
 */
package main

import (
	"fmt"
	"sync"
)

type namer interface{ Name() string }

type person struct{ name string }

func (p *person) Name() string { return p.name }

type worker struct {
	namer
	lock  sync.Mutex
	jobs  int
	done  []string
	fault error
}

func (w *worker) work(name string) {
	w.lock.Lock()
	w.jobs++
	w.done = append(w.done, name)
	w.fault = nil
	w.lock.Unlock()
}

func main() {
	w := &worker{namer: &person{"Ada"}}
	var n namer = w /* the method is found in the table of *worker */
	var group sync.WaitGroup
	group.Add(2)
	go func() {
		defer group.Done()
		for i := 0; i < 50; i++ {
			w.work("job")
		}
	}()
	length := 0
	go func() {
		defer group.Done()
		for i := 0; i < 50; i++ {
			length += len(n.Name())
		}
	}()
	group.Wait()
	fmt.Println(w.jobs, length)
}
