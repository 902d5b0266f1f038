/*
 * A pipeline of three stages whose last receiver stops half-way.
 *
 * EXPECT: blocked @generate channel [proved]
 * EXPECT: blocked @square channel [proved]
 * CFLAGS: testprogs/support/until.go
 */
package main

import "fmt"

func generate(limit int) <-chan int {
	out := make(chan int)
	go func() {
		defer close(out)
		for n := 0; n < limit; n++ {
			out <- n /* @generate */
		}
	}()
	return out
}

func square(in <-chan int) <-chan int {
	out := make(chan int)
	go func() {
		defer close(out)
		for n := range in {
			out <- n * n /* @square */
		}
	}()
	return out
}

func main() {
	for n := range square(generate(100)) {
		fmt.Println(n)
		if n > 3 {
			break
		}
	}
	until(2, "chan send")
}
