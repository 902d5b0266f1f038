/*
 * The method that is promoted through an embedded interface reads what another goroutine writes: a race,
 * though that with the copy which gccgo's stub makes of the whole receiver is none (race_promoted_ok.go).
 *
 * EXPECT: race @write @read
 * MODE: gorace
 */
package main

import (
	"fmt"
	"sync"
)

type namer interface{ Name() string }

type person struct{ name string }

func (p *person) Name() string {
	return p.name /* @read */
}

type worker struct {
	namer
	lock sync.Mutex
	jobs int
}

func (w *worker) work(p *person) {
	w.lock.Lock()
	w.jobs++
	w.lock.Unlock()
	p.name = "Bob" /* @write */
}

func main() {
	ada := &person{"Ada"}
	w := &worker{namer: ada}
	var n namer = w
	var group sync.WaitGroup
	group.Add(2)
	go func() {
		defer group.Done()
		w.work(ada)
	}()
	length := 0
	go func() {
		defer group.Done()
		length = len(n.Name())
	}()
	group.Wait()
	fmt.Println(w.jobs, length)
}
