/*
 * The first mistake with goroutines: main does not wait for them, and ends before they begin.
 *
 * EXPECT: leak @go [suspected]
 * ENV: GOMAXPROCS=1
 */
package main

import "fmt"

func main() {
	for i := 0; i < 3; i++ {
		go fmt.Println("hello", i) /* @go */
	}
}
