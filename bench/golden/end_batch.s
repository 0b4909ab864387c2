# rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
end_batch:
	movq	%rsi, 48(%rdi)
	addq	136(%rdi), %rdx
	movq	%rdx, 56(%rdi)
	movups	64(%rdi), %xmm0
	movups	80(%rdi), %xmm1
	movups	%xmm0, (%rdi)
	movups	%xmm1, 16(%rdi)
	addq	%rcx, 32(%rdi)
	movq	144(%rdi), %rax
	addq	%rax, 40(%rdi)
	movq	168(%rdi), %rdx
	movzbl	228(%rdi), %ecx
	movq	%rsi, %r9
	subq	%rdx, %r9
	movq	%rcx, %r8
	negq	%r8
	movl	$4294967295, %eax
	orq	%r8, %rax
	andq	%rax, %r9
	movq	176(%rdi), %r8
	cmpq	%r8, %r9
	jb	.LBB12
	movzbl	24(%rdi), %r11d
	movq	(%rdi), %r9
	movq	16(%rdi), %r10
	cmpl	$1, %r11d
	je	.LBB5
	cmpl	$2, %r11d
	jne	.LBB7
	cmpq	%rsi, %r10
	jne	.LBB6
	movq	8(%rdi), %r9
	jmp	.LBB6
.LBB5:
	cmpq	%rsi, %r10
	je	.LBB7
.LBB6:
	movq	%rsi, %r10
	subq	%r9, %r10
	andq	%rax, %r10
	cmpq	%r8, %r10
	cmovbeq	%r9, %rsi
.LBB7:
	andq	%rsi, %rax
	cmpq	%rax, %rdx
	je	.LBB12
	movq	200(%rdi), %rdx
	testb	%cl, %cl
	je	.LBB10
	movq	%rax, (%rdx)
	jmp	.LBB11
.LBB10:
	movl	%esi, (%rdx)
.LBB11:
	movq	%rax, 168(%rdi)
.LBB12:
	retq
