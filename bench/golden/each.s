# rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
each_rust:
	pushq	%rbp
	pushq	%r15
	pushq	%r14
	pushq	%r13
	pushq	%r12
	pushq	%rbx
	subq	$120, %rsp
	movq	%rdi, %r14
	movq	32(%rdi), %rax
	movq	%rax, 24(%rsp)
	movl	224(%rdi), %ebx
	testl	%ebx, %ebx
	je	.LBB23
	movq	48(%r14), %rdx
	leaq	64(%r14), %rax
	movq	%rax, 48(%rsp)
	leaq	152(%r14), %rax
	movq	%rax, 40(%rsp)
	movq	%rdx, 32(%rsp)
	movq	%r14, 8(%rsp)
.LBB2:
	movq	56(%r14), %rax
	movq	184(%r14), %rcx
	movdqu	(%r14), %xmm0
	movups	16(%r14), %xmm1
	movq	48(%rsp), %rsi
	movups	%xmm1, 16(%rsi)
	movdqu	%xmm0, (%rsi)
	movq	%rax, 136(%r14)
	movq	$0, 144(%r14)
	movq	40(%rsp), %rax
	pcmpeqd	%xmm0, %xmm0
	movdqu	%xmm0, (%rax)
	cmpq	$65536, %rcx
	movl	$65536, %eax
	cmovaeq	%rax, %rcx
	movq	%rcx, 128(%r14)
	leaq	64(%rsp), %rdi
	movq	%r14, %rsi
	xorl	%ecx, %ecx
	xorl	%r8d, %r8d
	callq	*step@GOTPCREL(%rip)
	movq	64(%rsp), %r15
	movq	72(%rsp), %r12
	cmpq	$4, 88(%rsp)
	jne	.LBB22
	movl	96(%rsp), %ebp
	movl	%ebx, %eax
	addq	$-8, %rax
	movq	80(%rsp), %rdi
	movq	%rax, 16(%rsp)
	andq	%rax, %rdi
	movq	216(%r14), %r14
	addq	%r14, %rdi
	leal	15(%rbp), %ebx
	andl	$-8, %ebx
	movl	$1, %r13d
	movl	%ebp, %eax
	jmp	.LBB4
.LBB11:
	addq	%rdx, %r15
	incq	%r13
	movq	216(%r14), %r14
	addq	%r14, %rdi
	movq	%rcx, %r12
.LBB4:
	movl	%eax, %esi
	addq	$8, %rdi
	callq	*on_sample@GOTPCREL(%rip)
	cmpq	%rbx, %r12
	movq	%r13, 56(%rsp)
	jb	.LBB7
.LBB5:
	movq	%r15, %rax
	andq	16(%rsp), %rax
	movl	(%r14,%rax), %ecx
	#MEMBARRIER
	cmpl	%ebp, %ecx
	jne	.LBB7
	addq	%rbx, %r15
	subq	%rbx, %r12
	incq	%r13
	movq	8(%rsp), %rcx
	movq	216(%rcx), %r14
	leaq	(%r14,%rax), %rdi
	addq	$8, %rdi
	movq	%rbp, %rsi
	callq	*on_sample@GOTPCREL(%rip)
	cmpq	%rbx, %r12
	jae	.LBB5
.LBB7:
	testq	%r12, %r12
	je	.LBB8
	movq	%r13, %rax
	subq	56(%rsp), %rax
	cmpq	$7, %rax
	movq	8(%rsp), %r14
	jbe	.LBB15
.LBB10:
	movq	%r15, %rdi
	andq	16(%rsp), %rdi
	movq	216(%r14), %rax
	movl	(%rax,%rdi), %eax
	#MEMBARRIER
	leaq	15(%rax), %rdx
	movabsq	$8589934584, %rcx
	andq	%rcx, %rdx
	movq	%r12, %rcx
	subq	%rdx, %rcx
	jae	.LBB11
	testl	%eax, %eax
	js	.LBB21
	andl	$1073741823, %eax
	addl	$15, %eax
	andl	$-8, %eax
	cmpq	%rax, %r12
	jb	.LBB21
	incq	144(%r14)
	addq	%rax, %r15
	subq	%rax, %r12
	jne	.LBB10
	jmp	.LBB20
.LBB15:
	movq	%r15, %rax
	andq	16(%rsp), %rax
	movq	216(%r14), %rcx
	movl	(%rcx,%rax), %esi
	#MEMBARRIER
	leaq	15(%rsi), %rbx
	movabsq	$8589934584, %rcx
	andq	%rcx, %rbx
	cmpq	%rbx, %r12
	jb	.LBB16
	addq	%rbx, %r15
	incq	%r13
	movq	216(%r14), %rcx
	leaq	(%rcx,%rax), %rdi
	addq	$8, %rdi
	callq	*on_sample@GOTPCREL(%rip)
	subq	%rbx, %r12
	jne	.LBB15
	jmp	.LBB20
.LBB16:
	testl	%esi, %esi
	js	.LBB21
	andl	$1073741823, %esi
	addl	$15, %esi
	andl	$-8, %esi
	cmpq	%rsi, %r12
	jb	.LBB21
	incq	144(%r14)
	addq	%rsi, %r15
	subq	%rsi, %r12
	jne	.LBB15
.LBB20:
	xorl	%r12d, %r12d
	jmp	.LBB21
.LBB8:
	xorl	%r12d, %r12d
	movq	8(%rsp), %r14
.LBB21:
	movq	%r14, %rdi
	movq	%r15, %rsi
	movq	%r12, %rdx
	movq	%r13, %rcx
	callq	*end_batch@GOTPCREL(%rip)
	movq	48(%r14), %rdx
	movzbl	228(%r14), %eax
	movq	%rdx, %rcx
	subq	32(%rsp), %rcx
	negq	%rax
	movl	$4294967295, %esi
	orq	%rsi, %rax
	andq	%rcx, %rax
	movl	224(%r14), %ebx
	cmpq	%rbx, %rax
	jb	.LBB2
.LBB23:
	movq	32(%r14), %rax
	subq	24(%rsp), %rax
	addq	$120, %rsp
	popq	%rbx
	popq	%r12
	popq	%r13
	popq	%r14
	popq	%r15
	popq	%rbp
	retq
.LBB22:
	movq	%r14, %rdi
	movq	%r15, %rsi
	movq	%r12, %rdx
	xorl	%ecx, %ecx
	callq	*end_batch@GOTPCREL(%rip)
	jmp	.LBB23
