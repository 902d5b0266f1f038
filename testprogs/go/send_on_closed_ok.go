/*
 * A panic of a send on a closed channel is caught, and what is waited for afterwards is told right.
 *
 * EXPECT: none
 */
package main

import "fmt"

func try(c chan int) (err interface{}) {
	defer func() { err = recover() }()
	c <- 1
	return nil
}

func main() {
	c := make(chan int)
	close(c)
	fmt.Println(try(c) != nil)
	d := make(chan int)
	go func() { d <- 2 }()
	fmt.Println(<-d)
}
