/*
 * Whoever is the first to stop the server closes its channel; the others find that done.
 *
 * EXPECT: none
 * MODE: go gorace
 */
package main

import (
	"fmt"
	"sync"
)

type server struct {
	once sync.Once
	done chan bool
}

func (s *server) stop() {
	s.once.Do(func() { close(s.done) })
}

func main() {
	s := &server{done: make(chan bool)}
	var all sync.WaitGroup
	for i := 0; i < 4; i++ {
		all.Add(2)
		go func() {
			defer all.Done()
			s.stop()
		}()
		go func() {
			defer all.Done()
			<-s.done
		}()
	}
	all.Wait()
	fmt.Println("stopped")
}
