# rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
last_two:
	movzbl	356(%rdi), %eax
	subq	%rsi, %rdx
	negq	%rax
	movl	$4294967295, %ecx
	orq	%rax, %rcx
	andq	%rdx, %rcx
	movq	344(%rdi), %rax
	movl	352(%rdi), %edx
	addq	$-8, %rdx
	andq	%rsi, %rdx
	movl	(%rax,%rdx), %r8d
	#MEMBARRIER
	andl	$1073741823, %r8d
	addl	$15, %r8d
	andl	$-8, %r8d
	cmpq	%r8, %rcx
	jbe	.LBB1
	movl	$16386, %r9d
.LBB5:
	leaq	(%rsi,%r8), %rdx
	decq	%r9
	je	.LBB6
	subq	%r8, %rcx
	movq	344(%rdi), %rax
	movl	352(%rdi), %r8d
	addq	$-8, %r8
	andq	%rdx, %r8
	movl	(%rax,%r8), %r8d
	#MEMBARRIER
	andl	$1073741823, %r8d
	addl	$15, %r8d
	andl	$-8, %r8d
	movq	%rsi, %rax
	movq	%rdx, %rsi
	cmpq	%r8, %rcx
	ja	.LBB5
	retq
.LBB1:
	movq	%rsi, %rax
	movq	%rsi, %rdx
	retq
.LBB6:
	movq	%rsi, %rax
	retq
