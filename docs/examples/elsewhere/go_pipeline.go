// SPDX-License-Identifier: MIT

// Numbers go through three workers to one who adds them up, or gives up after a while.
package main

import (
	"fmt"
	"os"
	"sync"
	"time"
)

func square(numbers <-chan int, squares chan<- int, workers *sync.WaitGroup) {
	defer workers.Done()
	for n := range numbers {
		squares <- n * n
	}
}

func count(numbers chan<- int) {
	for n := 1; n <= 100; n++ {
		numbers <- n
	}
	close(numbers)
}

func main() {
	numbers := make(chan int)
	squares := make(chan int)
	var workers sync.WaitGroup

	workers.Add(3)
	for i := 0; i < 3; i++ {
		go square(numbers, squares, &workers)
	}
	go count(numbers)
	go func() {
		workers.Wait()
		close(squares)
	}()
	late := time.After(10 * time.Second)
	sum := 0
	for {
		select {
		case n, ok := <-squares:
			if !ok {
				fmt.Println("sum:", sum)
				return
			}
			sum += n
		case <-late:
			fmt.Println("too late")
			os.Exit(1)
		}
	}
}
