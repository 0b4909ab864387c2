# rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
step:
	pushq	%rbp
	pushq	%r15
	pushq	%r14
	pushq	%r13
	pushq	%r12
	pushq	%rbx
	movq	%rdi, %rax
	addq	32(%rsi), %rcx
	movq	48(%rsi), %r9
	movq	56(%rsi), %r10
	movq	(%rsi), %r15
	movq	24(%rsi), %rdi
	movq	%rdi, -40(%rsp)
	movups	8(%rsi), %xmm0
	movaps	%xmm0, -56(%rsp)
	cmpq	$4, %r15
	jne	.LBB16
	movl	$7, %r15d
	cmpq	%r9, %r8
	jae	.LBB18
	andq	%r10, %r9
	leaq	8(%rsi), %rdi
	movl	$4294967295, %r11d
	movq	$-1, %r14
	xorl	%r8d, %r8d
.LBB3:
	movzbl	148(%rsi), %ebx
	movq	%rdx, %r12
	subq	80(%rsi), %r12
	testb	%bl, %bl
	movl	$4294967295, %r15d
	cmovneq	%r14, %r15
	andq	%r12, %r15
	cmpq	%r10, %r15
	jae	.LBB20
	testq	%rcx, %rcx
	je	.LBB6
	movl	144(%rsi), %r13d
	movq	%rcx, %r12
	jmp	.LBB12
.LBB6:
	movq	128(%rsi), %rcx
	testb	%bl, %bl
	je	.LBB8
	movq	(%rcx), %rbx
	movq	$-1, %rcx
	jmp	.LBB9
.LBB8:
	movl	(%rcx), %ebx
	movl	$4294967295, %ecx
.LBB9:
	#MEMBARRIER
	testb	$7, %bl
	jne	.LBB24
	movq	%rbx, %r12
	subq	%rdx, %r12
	andq	%rcx, %r12
	movl	144(%rsi), %r13d
	movq	%r13, %rbp
	subq	%r15, %rbp
	cmovbq	%r8, %rbp
	cmpq	%rbp, %r12
	ja	.LBB25
	testq	%r12, %r12
	je	.LBB28
.LBB12:
	addq	$-8, %r13
	andq	%rdx, %r13
	movq	136(%rsi), %rcx
	movl	(%rcx,%r13), %r13d
	#MEMBARRIER
	testl	%r13d, %r13d
	js	.LBB21
	movl	%r13d, %r15d
	andl	$1073741823, %r15d
	leal	15(%r15), %ebx
	andl	$-8, %ebx
	movq	%r12, %rcx
	subq	%rbx, %rcx
	jb	.LBB22
	addq	%rdx, %rbx
	cmpl	$1073741823, %r13d
	jbe	.LBB23
	incq	40(%rsi)
	movq	(%rsi), %r15
	movq	16(%rdi), %rdx
	movq	%rdx, -40(%rsp)
	movups	(%rdi), %xmm0
	movaps	%xmm0, -56(%rsp)
	movq	%rbx, %rdx
	cmpq	$4, %r15
	je	.LBB3
	jmp	.LBB17
.LBB20:
	movl	$7, %r15d
	jmp	.LBB18
.LBB21:
	movl	$5, %r15d
	movq	%r12, %rcx
	jmp	.LBB18
.LBB22:
	cmpb	$0, 148(%rsi)
	movq	$-1, %rcx
	cmovneq	%rcx, %r11
	movl	$3, %r15d
	movq	%r11, %rcx
	movq	%r12, %r8
	jmp	.LBB27
.LBB23:
	cmpq	$1073741824, %rcx
	movl	$1073741824, %edi
	cmovbq	%rcx, %rdi
	xorl	%r8d, %r8d
	cmpq	$-1, %r9
	cmoveq	%rdi, %r8
	subq	%r8, %rcx
	movq	%rcx, 32(%rsi)
	movq	%rbx, (%rax)
	movq	%r8, 8(%rax)
	movq	%rdx, 16(%rax)
	movq	$4, 24(%rax)
	movl	%r15d, 32(%rax)
	jmp	.LBB19
.LBB24:
	movl	$1, %r15d
	jmp	.LBB26
.LBB25:
	movl	$2, %r15d
.LBB26:
.LBB27:
	andq	%rdx, %rcx
	movq	%r15, (%rsi)
	movq	%rbx, 8(%rsi)
	movq	%r12, 16(%rsi)
	movq	%rcx, 24(%rsi)
	movq	16(%rdi), %rcx
	movq	%rcx, -40(%rsp)
	movups	(%rdi), %xmm0
	movaps	%xmm0, -56(%rsp)
	movq	%r8, %rcx
.LBB16:
	movq	%rdx, %rbx
.LBB17:
	movq	-40(%rsp), %rdx
	movq	%rdx, -8(%rsp)
	movaps	-56(%rsp), %xmm0
	movaps	%xmm0, -24(%rsp)
	movq	%rbx, %rdx
.LBB18:
	movq	%rcx, 32(%rsi)
	movq	%rdx, (%rax)
	movq	$0, 8(%rax)
	movq	%rdx, 16(%rax)
	movq	%r15, 24(%rax)
	movaps	-24(%rsp), %xmm0
	movups	%xmm0, 32(%rax)
	movq	-8(%rsp), %rcx
	movq	%rcx, 48(%rax)
.LBB19:
	popq	%rbx
	popq	%r12
	popq	%r13
	popq	%r14
	popq	%r15
	popq	%rbp
	retq
.LBB28:
	movl	$6, %r15d
	xorl	%ecx, %ecx
	jmp	.LBB18
