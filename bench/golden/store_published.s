# rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
store_published:
	movzbl	356(%rdi), %r9d
	movq	%r9, %rcx
	negq	%rcx
	movl	$4294967295, %eax
	orq	%rcx, %rax
	movq	%rax, %rdx
	andq	%rsi, %rdx
	movq	496(%rdi), %rcx
	cmpq	%rdx, %rcx
	je	.LBB9
	movq	328(%rdi), %r8
	testb	%r9b, %r9b
	je	.LBB4
	movq	(%r8), %r9
	cmpq	%rcx, %r9
	jne	.LBB7
	movq	%rdx, (%r8)
	jmp	.LBB6
.LBB4:
	movl	(%r8), %r9d
	cmpq	%r9, %rcx
	jne	.LBB7
	movl	%esi, (%r8)
.LBB6:
	movq	%rdx, 496(%rdi)
.LBB9:
	retq
.LBB7:
	cmpq	$7, 424(%rdi)
	jne	.LBB9
	andq	360(%rdi), %rax
	movq	$5, 424(%rdi)
	movq	%r9, 432(%rdi)
	movq	%rcx, 440(%rdi)
	movq	%rax, 448(%rdi)
	retq
