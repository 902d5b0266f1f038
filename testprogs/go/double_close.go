/*
 * A channel closed twice: a panic, which ends the program.
 *
 * EXPECT: none
 * EXPECT: exit 2
 */
package main

func main() {
	done := make(chan bool)
	close(done)
	close(done)
}
