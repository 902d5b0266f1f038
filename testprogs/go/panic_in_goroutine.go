/*
 * A goroutine panics: that ends the program, whatever the others do.
 *
 * EXPECT: ending @write main.record [proved]
 * EXPECT: exit 2
 */
package main

import "time"

var seen map[string]int

func record(name string) {
	time.Sleep(10 * time.Millisecond)
	seen[name] = 1 /* @write */
}

func main() {
	jobs := make(chan int)
	for i := 0; i < 3; i++ {
		go func() {
			for range jobs {
			}
		}()
	}
	go record("a")
	time.Sleep(time.Minute)
	close(jobs)
}
