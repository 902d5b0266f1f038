/*
 * A select of which every channel is nil, and one of which one is; the report says so of each case.
 *
 * EXPECT: blocked @nil select [proved]
 * EXPECT: blocked @one select [proved]
 * BARE: yes
 */
package main

import "time"

type bus struct{ in, out chan string }

func main() {
	b, other := &bus{}, make(chan string)
	go func() {
		select { /* @nil */
		case b.in <- "a":
		case <-b.out:
		}
	}()
	go func() {
		select { /* @one */
		case b.in <- "a":
		case <-other:
		}
	}()
	time.Sleep(20 * time.Millisecond)
}
