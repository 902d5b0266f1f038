/*
 * A channel closed twice: a panic, which ends the program.
 *
 * EXPECT: ending @close main [proved]
 * EXPECT: exit 2
 */
package main

func main() {
	done := make(chan bool)
	close(done)
	close(done) /* @close */
}
