# rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
last_two:
	movq	%rdx, %rax
	movq	%rsi, %rdx
	movzbl	300(%rdi), %esi
	subq	%rdx, %rax
	negq	%rsi
	movl	$4294967295, %ecx
	orq	%rsi, %rcx
	andq	%rax, %rcx
	movq	288(%rdi), %rax
	movl	296(%rdi), %esi
	addq	$-8, %rsi
	andq	%rdx, %rsi
	movl	(%rax,%rsi), %esi
	#MEMBARRIER
	andl	$1073741823, %esi
	addl	$15, %esi
	andl	$-8, %esi
	cmpq	%rsi, %rcx
	jbe	.LBB1
.LBB2:
	movq	%rdx, %rax
	subq	%rsi, %rcx
	movq	%rsi, %rdx
	addq	%rax, %rdx
	movq	288(%rdi), %rsi
	movl	296(%rdi), %r8d
	addq	$-8, %r8
	andq	%rdx, %r8
	movl	(%rsi,%r8), %esi
	#MEMBARRIER
	andl	$1073741823, %esi
	addl	$15, %esi
	andl	$-8, %esi
	cmpq	%rsi, %rcx
	ja	.LBB2
	retq
.LBB1:
	movq	%rdx, %rax
	retq
